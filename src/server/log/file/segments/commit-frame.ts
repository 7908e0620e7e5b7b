import type { HashedId, MessageRecord } from "../../core/stored-record.js";
import {
  encodeIds,
  encodeItem,
  idEntryLength,
  itemHeaderLength,
  itemKind,
  itemPrefixLength,
  type NewItem,
} from "./item.js";

/** A unit of writing: all of it is durable, or none of it is there. */
export interface StoredCommit {
  /** When the log stored the messages, in milliseconds since 1970. */
  readonly sentAt: number;
  /** The messages, consecutive, each record at most 64 KiB or one message. */
  readonly records: readonly MessageRecord[];
  /** The ids of those messages that have one. */
  readonly ids: readonly HashedId[];
  /**
   * The payloads of the records as they will be on the disk, with space for an item's header before
   * each, and for the item of ids after the last. Default: they are copied.
   */
  readonly frame?: Buffer;
}

/** An item of a commit, and where it begins. */
export interface PlacedItem {
  readonly item: NewItem;
  readonly at: number;
}

/** Bytes that an item of this many ids takes: 0 without ids. */
export function idsItemLength(count: number): number {
  return count === 0 ? 0 : itemHeaderLength + count * idEntryLength;
}

/** Combines consecutive commits: the bytes of their items, and where they begin. */
export function frameCommits(
  commits: readonly StoredCommit[],
  place: { readonly salt: number; readonly commit: number },
): { bytes: Buffer; items: PlacedItem[] } {
  const [only] = commits;
  const bytes = commits.length === 1 && only!.frame ? only!.frame : frame(commits);
  const items: PlacedItem[] = [];
  let at = 0;
  for (const [i, { records, ids, sentAt }] of commits.entries()) {
    const endsCommit = i === commits.length - 1;
    for (const [k, record] of records.entries()) {
      const item = {
        kind: itemKind.messages,
        endsCommit: endsCommit && ids.length === 0 && k === records.length - 1,
        room: record.room,
        first: record.first,
        last: record.last,
        count: record.count,
        sentAt: record.sentAt,
        totalBytes: record.totalBytes,
      };
      items.push({ item, at });
      at = encodeItem(bytes, at, record.bytes.length, item, place);
    }
    if (ids.length > 0) {
      const item = {
        kind: itemKind.ids,
        endsCommit,
        room: "",
        first: ids[0]!.sequence,
        last: ids.at(-1)!.sequence,
        count: ids.length,
        sentAt,
        totalBytes: records.at(-1)?.totalBytes ?? 0,
      };
      items.push({ item, at });
      encodeIds(bytes, at + itemHeaderLength, ids);
      at = encodeItem(bytes, at, ids.length * idEntryLength, item, place);
    }
  }
  return { bytes, items };
}

function frame(commits: readonly StoredCommit[]): Buffer {
  let length = 0;
  for (const { records, ids } of commits) {
    for (const { room, bytes } of records) {
      length += itemPrefixLength(room) + bytes.length;
    }
    length += idsItemLength(ids.length);
  }
  const target = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const { records, ids } of commits) {
    for (const { room, bytes } of records) {
      target.set(bytes, at + itemPrefixLength(room));
      at += itemPrefixLength(room) + bytes.length;
    }
    at += idsItemLength(ids.length);
  }
  return target;
}
