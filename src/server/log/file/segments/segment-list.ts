import { readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { draftEnding, isUnreadable } from "../disk-file.js";
import { foreignSegment } from "../errors.js";
import { decodeItem, itemHeaderLength, itemKind, maxRoomLength } from "./item.js";
import { ItemReader } from "./item-reader.js";
import { Segment, segmentPath } from "./segment.js";
import type { SegmentFiles } from "./segment-files.js";
import { decodeSegmentHeader, type SegmentHeader, segmentHeaderLength } from "./segment-header.js";

/** The segments of a log, as they are in its folder. */
export interface SegmentList {
  /** Oldest first, each with its end except the last one. */
  readonly segments: Segment[];
  /** Size of the last segment's file, in bytes. */
  readonly lastSize: number;
  /** Whether the header of the last segment is intact. */
  readonly isLastIntact: boolean;
  /** The oldest message that was kept when the last segment was created, as far as is known. */
  readonly firstKept: number;
  /** Highest serial of all files, readable or not; 0 if there is none. */
  readonly highestSerial: number;
  /** What was found to be damaged or missing, for the operator. */
  readonly faults: string[];
}

interface FoundFile {
  readonly serial: number;
  readonly path: string;
  readonly size: number;
  /** Undefined: it is damaged. It may be the header of another file. */
  readonly header: SegmentHeader | undefined;
}

/** How many headers are read at the same time. */
const atOnce = 8;

const segmentName = /^(\d{8})\.seg$/;

/**
 * Reads the headers of all segments in a folder. Rejects with `failed_precondition` if one belongs
 * to another log or has a newer format.
 *
 * @param identity the log that they must belong to
 */
export async function listSegments(
  dir: string,
  identity: string,
  files: SegmentFiles,
): Promise<SegmentList> {
  const faults: string[] = [];
  const serials = (await readdir(dir))
    .flatMap((name) => segmentName.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const found: FoundFile[] = [];
  for (let i = 0; i < serials.length; i += atOnce) {
    const part = serials.slice(i, i + atOnce);
    const looks = await Promise.all(part.map((serial) => look(dir, serial, files)));
    for (const [k, file] of looks.entries()) {
      if (file === undefined) {
        faults.push(`${segmentPath(dir, part[k]!)} is not a file`);
      } else {
        found.push(file);
      }
    }
  }
  const foreign = found.find(
    ({ serial, header }) => header?.serial === serial && header.identity !== identity,
  );
  if (foreign !== undefined) {
    throw foreignSegment({ path: foreign.path, headFile: `${dir}.head` });
  }
  const followers = followersOf(found);
  const segments: Segment[] = [];
  let isLastIntact = true;
  let lastSize = 0;
  for (const [i, file] of found.entries()) {
    const follows = followers[i];
    const before = found[i - 1];
    if (before !== undefined && file.serial !== before.serial + 1) {
      faults.push(`${segmentPath(dir, file.serial - 1)} is missing`);
    }
    if (file.header === undefined) {
      faults.push(`the header of ${file.path} is damaged`);
    } else if (!isInPlace(file, follows)) {
      faults.push(`another file is in the place of ${file.path}`);
      continue;
    }
    const header = file.header ?? (await recover(files, file, identity, follows));
    if (header === undefined) {
      continue;
    }
    const segment = new Segment(file.path, header);
    segment.end =
      follows === undefined ? file.size : await endOf(files, segment, file.size, follows);
    if (file.size < segment.end) {
      faults.push(`${file.path} is shorter than it was`);
    }
    segments.push(segment);
    isLastIntact = file.header !== undefined;
    lastSize = file.size;
  }
  return {
    segments,
    lastSize,
    isLastIntact,
    firstKept: firstKeptOf(segments, isLastIntact),
    highestSerial: serials.at(-1) ?? 0,
    faults,
  };
}

/** For each file, the header of the next one, if that exists and follows it directly. */
function followersOf(found: readonly FoundFile[]): readonly (SegmentHeader | undefined)[] {
  const followers: (SegmentHeader | undefined)[] = [];
  let next: FoundFile | undefined;
  for (let i = found.length - 1; i >= 0; i--) {
    const file = found[i]!;
    followers[i] = next?.serial === file.serial + 1 ? next.header : undefined;
    next = isInPlace(file, followers[i]) ? file : undefined;
  }
  return followers;
}

/** Whether a file is the original one, as far as its header and the next one's show. */
function isInPlace({ serial, header }: FoundFile, follows: SegmentHeader | undefined): boolean {
  return (
    header?.serial === serial &&
    (follows === undefined || follows.previousSalt === 0 || follows.previousSalt === header.salt)
  );
}

/**
 * Where a segment ends that is followed by another. The header of the next one says it, unless the
 * segment could not be read when the next one was created: then the rest of the segment is not part
 * of the log.
 */
async function endOf(
  files: SegmentFiles,
  segment: Segment,
  size: number,
  follows: SegmentHeader,
): Promise<number> {
  if (follows.previousSalt !== 0) {
    return follows.previousEnd;
  }
  const options = { from: segmentHeaderLength, end: size, fetchBytes: 65_536 };
  const reader = new ItemReader(files, segment, { ...options, skips: itemKind.messages });
  let end = segmentHeaderLength;
  for (let step = await reader.step(); step !== "end"; step = await reader.step()) {
    if (step === "item") {
      if (reader.item.kind === itemKind.messages && reader.item.first >= follows.first) {
        break;
      }
      end = reader.nextPosition;
    }
  }
  files.forget(segment);
  return end;
}

function firstKeptOf(segments: readonly Segment[], isLastIntact: boolean): number {
  const known = segments.reduce((first, { firstKept }) => Math.max(first, firstKept), 1);
  // The header that would say it is lost: what the oldest segment begins with is the next best.
  return isLastIntact ? known : Math.max(known, segments[0]?.first ?? 1);
}

/** Size of a file in bytes, 0 if the disk cannot say; undefined if it is not a file. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    if (isUnreadable(error)) {
      return 0;
    }
    throw error;
  }
}

/** Undefined: it is not a file, for example a folder, and not part of this log. */
async function look(
  dir: string,
  serial: number,
  files: SegmentFiles,
): Promise<FoundFile | undefined> {
  const path = segmentPath(dir, serial);
  const size = await sizeOf(path);
  if (size === undefined) {
    return undefined;
  }
  const unknown = unknownSegment(path, { serial });
  const bytes = await files.read(unknown, 0, segmentHeaderLength);
  files.forget(unknown);
  return { serial, path, size, header: decodeSegmentHeader(bytes, path) };
}

const noHeader: Omit<SegmentHeader, "identity"> = {
  serial: 0,
  salt: 0,
  hasRooms: true, // Whether it has rooms is unknown.
  first: 0,
  totalBytes: 0,
  sentAt: 0,
  firstKept: 0,
  previousSalt: 0,
  previousEnd: 0,
};

/**
 * Reconstructs a lost header of a segment from its first intact item. The salt is in the header of
 * the next segment, or else in the very first item.
 */
async function recover(
  files: SegmentFiles,
  file: FoundFile,
  identity: string,
  follows: SegmentHeader | undefined,
): Promise<SegmentHeader | undefined> {
  const salt = follows?.previousSalt ?? (await firstSalt(files, file.path));
  if (!salt) {
    return undefined;
  }
  const segment = new Segment(file.path, { ...noHeader, serial: file.serial, salt });
  segment.end = Math.max(segmentHeaderLength, follows?.previousEnd ?? file.size);
  const reader = new ItemReader(files, segment, { from: segmentHeaderLength, fetchBytes: 65_536 });
  try {
    for (let step = await reader.step(); step !== "end"; step = await reader.step()) {
      if (step === "item" && reader.item.kind === itemKind.messages) {
        const { first, sentAt, totalBytes, payloadLength } = reader.item;
        const before = { first, sentAt, totalBytes: totalBytes - payloadLength };
        return { ...noHeader, identity, serial: file.serial, salt, ...before };
      }
    }
    return undefined;
  } finally {
    files.forget(segment);
  }
}

/** The salt of the first item of a file; 0 if that is damaged. */
export async function firstSalt(files: SegmentFiles, path: string): Promise<number> {
  const unknown = unknownSegment(path);
  const length = itemHeaderLength + maxRoomLength;
  const bytes = await files.read(unknown, segmentHeaderLength, length);
  files.forget(unknown);
  const salt = bytes.length >= itemHeaderLength ? bytes.readUInt32BE(16) : 0;
  return decodeItem(bytes, 0, salt) === undefined ? 0 : salt;
}

/** A file of which only the path is known, for reading. */
export function unknownSegment(path: string, known: Partial<SegmentHeader> = {}): Segment {
  return new Segment(path, { ...noHeader, ...known });
}

/** Removes what interrupted attempts to create files have left in a folder. */
export async function removeDrafts(dir: string): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    if (entry.name.endsWith(draftEnding) && !entry.isDirectory()) {
      await unlink(join(dir, entry.name));
    }
  }
}

/**
 * Removes segments and indexes before a serial: unreadable ones that are no longer kept, and what a
 * killed process has left of removed segments.
 */
export async function removeOlderFiles(dir: string, serial: number): Promise<void> {
  for (const name of await readdir(dir)) {
    const found = /^(\d{8})\.(seg|idx|rooms)$/.exec(name)?.[1];
    if (found !== undefined && Number(found) < serial) {
      await unlink(join(dir, name)).catch(() => {}); // It is tried again later.
    }
  }
}
