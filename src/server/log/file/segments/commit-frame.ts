import type { HashedId, MessageRecord } from "../../core/stored-record.js";
import {
  encodeIds,
  encodeItem,
  type FramedItem,
  idEntryLength,
  itemHeaderLength,
  itemKind,
  itemPrefixLength,
} from "./item.js";

/** A unit of writing: all of it is durable, or none of it is there. */
export interface StoredCommit {
  /** When the log stored the messages, in milliseconds since 1970. */
  readonly sentAt: number;
  /** The messages, consecutive, each record at most 64 KiB or one message. */
  readonly records: readonly FramedItem[];
  /** The ids of those messages that have one. */
  readonly ids: readonly HashedId[];
  /**
   * The payloads of the records as they will be on the disk, with space for an item's header before
   * each, and for the item of ids after the last.
   */
  readonly frame: Buffer;
}

/** Bytes that an item of this many ids takes: 0 without ids. */
export function idsItemLength(count: number): number {
  return count === 0 ? 0 : itemHeaderLength + count * idEntryLength;
}

/** A commit of records that were stored before, and of ids. */
export function copyCommit(
  sentAt: number,
  records: readonly MessageRecord[],
  ids: readonly HashedId[],
): StoredCommit {
  const framed: FramedItem[] = [];
  let at = 0;
  for (const { bytes, ...record } of records) {
    const start = at + itemPrefixLength(record.room);
    at = start + bytes.length;
    framed.push({ ...record, kind: itemKind.messages, start, end: at });
  }
  const frame = Buffer.allocUnsafeSlow(at + idsItemLength(ids.length));
  for (const [i, { bytes }] of records.entries()) {
    frame.set(bytes, framed[i]!.start);
  }
  return { sentAt, records: framed, ids, frame };
}

/** Combines consecutive commits: their bytes as they are written, and their items. */
export function frameCommits(
  commits: readonly StoredCommit[],
  { salt, commit }: { readonly salt: number; readonly commit: number },
): { readonly bytes: Buffer; readonly items: readonly FramedItem[] } {
  const bytes =
    commits.length === 1 ? commits[0]!.frame : Buffer.concat(commits.map(({ frame }) => frame));
  const items: FramedItem[] = [];
  let offset = 0;
  for (const { records, ids, sentAt, frame } of commits) {
    for (const record of records) {
      items.push(offset === 0 ? record : moved(record, offset));
    }
    offset += frame.length;
    if (ids.length > 0) {
      const start = offset - ids.length * idEntryLength;
      encodeIds(bytes, start, ids);
      const [first, last] = [ids[0]!.sequence, ids.at(-1)!.sequence];
      const totalBytes = records.at(-1)?.totalBytes ?? 0;
      const item = { kind: itemKind.ids, room: "", first, last, count: ids.length };
      items.push({ ...item, sentAt, totalBytes, start, end: offset });
    }
  }
  const place = { salt, commit, endsCommit: false };
  for (const [i, item] of items.entries()) {
    place.endsCommit = i === items.length - 1;
    encodeItem(bytes, item.start - itemPrefixLength(item.room), item.end - item.start, item, place);
  }
  return { bytes, items };
}

function moved(item: FramedItem, offset: number): FramedItem {
  return { ...item, start: item.start + offset, end: item.end + offset };
}
