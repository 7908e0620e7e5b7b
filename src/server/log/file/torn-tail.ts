import { type ItemHeader, itemKind, payloadOf } from "./segments/item.js";
import { ItemReader } from "./segments/item-reader.js";
import { RoomTable } from "./segments/rooms/room-table.js";
import type { Segment } from "./segments/segment.js";
import type { SegmentFiles } from "./segments/segment-files.js";
import { segmentHeaderLength } from "./segments/segment-header.js";
import { SegmentIndex } from "./segments/segment-index.js";

/** Where a log stands at a place in its files. */
export interface Standing {
  /** Sequence of the last message, including lost ones. */
  readonly last: number;
  /** When the log stored the last one, in milliseconds since 1970. */
  readonly sentAt: number;
  /** Bytes of payload that the log has ever stored. */
  readonly totalBytes: number;
  /** The oldest message that is kept. */
  readonly firstKept: number;
}

/** The end of the last segment, and what to do about it. */
export interface Tail extends Standing {
  /** Number of the last commit. */
  readonly commit: number;
  /** Where in the file the log ends. */
  readonly end: number;
  readonly index: SegmentIndex;
  /** Undefined: there is no room but `main`. */
  readonly rooms: RoomTable | undefined;
  /** Whether more can be written there: nothing but zeros or the end of the file follows. */
  readonly isClean: boolean;
  /** What follows is a commit that was never answered. */
  readonly isTorn: boolean;
  /** Damaged bytes before the last commit: readers find out which messages they were. */
  readonly isDamaged: boolean;
  /** The last commit: what a killed process has left of it may be in the page cache only. */
  readonly lastCommit: { readonly position: number; readonly bytes: Buffer } | undefined;
}

const fetchBytes = 1024 * 1024;

interface PlacedItem {
  readonly item: ItemHeader;
  readonly at: number;
}

/**
 * Examines the last segment: its contents, what was torn by a crash, and what is damaged.
 *
 * Commits are written one at a time, so an intact item of a later commit proves that all earlier
 * ones were answered. Nothing in the file proves it of the last one: if that is incomplete, it was
 * never answered, unless the head file says that it was.
 *
 * @param size of the file
 * @param knownHead sequence that the head file knows
 */
export async function readTail(
  files: SegmentFiles,
  segment: Segment,
  size: number,
  before: Standing,
  knownHead: number,
): Promise<Tail> {
  const reader = new ItemReader(files, segment, {
    from: segmentHeaderLength,
    end: Math.max(size, segmentHeaderLength),
    fetchBytes,
    skips: itemKind.messages,
  });
  const index = new SegmentIndex();
  const rooms = segment.hasRooms ? new RoomTable(segment.first) : undefined;
  const standing = { ...before };
  let settledEnd = segmentHeaderLength;
  let isDamaged = false;
  // The commit being examined: the last one of which there are bytes.
  let commit = 0;
  let items: PlacedItem[] = [];
  let start = segmentHeaderLength;
  let hasEnd = true;
  let isBroken = false;
  /** Where damage begins that may belong to a further commit. */
  let trailing: number | undefined;

  const settle = () => {
    for (const { item, at } of items) {
      apply(standing, item);
      index.add(item, at);
      rooms?.add(item, at);
      settledEnd = at + item.length;
    }
    isDamaged ||= isBroken || !hasEnd;
    items = [];
    isBroken = false;
    hasEnd = false;
  };

  for (;;) {
    const place = reader.nextPosition;
    const step = await reader.step();
    if (step === "end") {
      break;
    }
    if (step === "damage") {
      if (hasEnd) {
        trailing = place;
      } else {
        isBroken = true;
      }
      continue;
    }
    const { item, position } = reader;
    if (item.commit > commit) {
      settle();
      if (trailing !== undefined) {
        // The damaged bytes belong to this commit, or to one before it.
        isBroken = item.commit === commit + 1;
        isDamaged ||= !isBroken;
      }
      start = trailing !== undefined && isBroken ? trailing : position;
      commit = item.commit;
    } else if (item.commit < commit || trailing !== undefined) {
      isBroken = true;
    }
    trailing = undefined;
    items.push({ item, at: position });
    hasEnd = item.endsCommit;
  }

  if (trailing !== undefined && !(await isZero(files, segment, trailing, size))) {
    // A commit follows of which nothing is intact.
    settle();
    commit++;
    start = trailing;
    isBroken = true;
  }
  const end = items.length > 0 ? items.at(-1)!.at + items.at(-1)!.item.length : start;
  const bytes = await files.read(segment, start, Math.max(0, end - start));
  const isWhole =
    commit === 0 ||
    (!isBroken &&
      hasEnd &&
      items.every(({ item, at }) => payloadOf(bytes, at - start, item) !== undefined));
  const common = { commit, index, rooms };
  if (isWhole) {
    settle();
    const lastCommit = commit === 0 ? undefined : { position: start, bytes };
    return { ...standing, ...common, end, isClean: true, isTorn: false, isDamaged, lastCommit };
  }
  if (knownHead > standing.last) {
    settle();
    const answered = { end: settledEnd, isClean: false, isTorn: false, isDamaged: true };
    return { ...standing, ...common, ...answered, lastCommit: undefined };
  }
  const torn = { end: settledEnd, isClean: false, isTorn: true, lastCommit: undefined };
  return { ...standing, ...common, ...torn, isDamaged };
}

/** Updates a standing with an item; in place, because this runs for every item. */
function apply(standing: { -readonly [Key in keyof Standing]: Standing[Key] }, item: ItemHeader) {
  switch (item.kind) {
    case itemKind.messages:
      standing.last = item.last;
      standing.sentAt = item.sentAt;
      standing.totalBytes = item.totalBytes;
      break;
    case itemKind.gap:
      standing.last = item.last;
      break;
    case itemKind.firstKept:
      standing.firstKept = Math.max(standing.firstKept, item.first);
      break;
    default: // It has nothing but ids.
  }
}

async function isZero(
  files: SegmentFiles,
  segment: Segment,
  from: number,
  end: number,
): Promise<boolean> {
  for (let at = from; at < end; at += fetchBytes) {
    const bytes = await files.read(segment, at, Math.min(fetchBytes, end - at));
    if (!bytes.equals(Buffer.alloc(bytes.length))) {
      return false;
    }
  }
  return true;
}
