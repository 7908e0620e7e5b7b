import { randomBytes } from "node:crypto";
import { DurableFile, replaceFile, syncDirectory } from "../disk-file.js";
import type { Standing, Tail } from "../torn-tail.js";
import { frameCommits, type StoredCommit } from "./commit-frame.js";
import {
  encodeItem,
  type FramedItem,
  itemHeaderLength,
  itemKind,
  itemPrefixLength,
  type NewItem,
} from "./item.js";
import { RoomTable } from "./rooms/room-table.js";
import { Segment, segmentPath } from "./segment.js";
import { encodeSegmentHeader } from "./segment-header.js";
import { SegmentIndex } from "./segment-index.js";

/** Size at which a segment is full, in bytes, unless it is set otherwise. */
export const defaultSegmentBytes = 64 * 1024 * 1024;

/**
 * Records after which a segment with rooms is full: the rooms of the last segment are in memory,
 * and it is scanned when the log is opened.
 */
const maxRoomRecords = 131_072;

/**
 * Writes at the end of the last segment, and begins the next one when it is full. Calls must not
 * overlap, and none may follow one that has failed.
 */
export class SegmentWriter {
  readonly #dir: string;
  readonly #identity: string;
  readonly #segmentBytes: number;
  readonly #begun: (segment: Segment) => void;
  #segment: Segment;
  #file: DurableFile;
  #commit: number;
  #standing: Standing;

  private constructor(
    place: WriterPlace,
    file: DurableFile,
    segment: Segment,
    commit: number,
    standing: Standing,
  ) {
    this.#dir = place.dir;
    this.#identity = place.identity;
    this.#segmentBytes = place.segmentBytes;
    this.#begun = place.begun;
    this.#file = file;
    this.#segment = segment;
    this.#commit = commit;
    this.#standing = standing;
  }

  /**
   * Continues at the end of the last segment. Its last commit is written again, because it may be
   * in the page cache only: after a kill, or after a write that the disk has refused.
   */
  static async continue(place: WriterPlace, segment: Segment, tail: Tail): Promise<SegmentWriter> {
    const file = await DurableFile.open(segment.path);
    try {
      if (tail.lastCommit !== undefined) {
        await file.write(tail.lastCommit.bytes, tail.lastCommit.position);
      }
      await file.sync();
      await syncDirectory(place.dir);
    } catch (error) {
      await file.close();
      throw error;
    }
    return new SegmentWriter(place, file, segment, tail.commit, tail);
  }

  /**
   * Begins a segment after `previous`, which is full.
   *
   * @param hasRooms whether it may have rooms other than `main`
   */
  static async begin(
    place: WriterPlace,
    serial: number,
    standing: Standing,
    previous: Segment | undefined,
    hasRooms: boolean,
  ): Promise<SegmentWriter> {
    const segment = await makeSegment(place, serial, standing, previous, hasRooms);
    return new SegmentWriter(place, await DurableFile.open(segment.path), segment, 0, standing);
  }

  /** Where the log stands after everything that was written. */
  get standing(): Standing {
    return this.#standing;
  }

  /** The segment that is being written. */
  get segment(): Segment {
    return this.#segment;
  }

  /** The descriptor of its file. */
  get fd(): number {
    return this.#file.fd;
  }

  /** Writes consecutive commits, all or nothing, and waits for the disk. */
  async write(commits: readonly StoredCommit[]): Promise<void> {
    const needsRooms = commits.some(({ records }) => records.some(({ room }) => room !== ""));
    if (this.#mustRotate(needsRooms)) {
      await this.rotate(this.#segment.hasRooms || needsRooms);
    }
    const { salt } = this.#segment;
    const { bytes, items } = frameCommits(commits, { salt, commit: ++this.#commit });
    await this.#file.write(bytes, this.#segment.end);
    this.#place(items, bytes.length);
    const record = commits.findLast(({ records }) => records.length > 0)?.records.at(-1);
    if (record !== undefined) {
      const { last, sentAt, totalBytes } = record;
      this.#standing = { ...this.#standing, last, sentAt, totalBytes };
    }
  }

  /** Records that the messages after the last one up to `last` were lost. */
  async writeGap(last: number): Promise<void> {
    await this.#writeMark({ kind: itemKind.gap, first: this.#standing.last + 1, last });
    this.#standing = { ...this.#standing, last };
  }

  /** Records that `first` is the oldest message that is kept. */
  async writeFirst(first: number): Promise<void> {
    await this.#writeMark({ kind: itemKind.firstKept, first, last: first });
    this.#standing = { ...this.#standing, firstKept: first };
  }

  /**
   * Closes the segment and begins the next.
   *
   * @param hasRooms whether that may have rooms other than `main`. Default: as this one
   */
  async rotate(hasRooms = this.#segment.hasRooms): Promise<void> {
    const before = this.#segment;
    const { serial } = before;
    await this.#file.truncate(before.end);
    const segment = await makeSegment(
      this.#writerPlace(),
      serial + 1,
      this.#standing,
      before,
      hasRooms,
    );
    const file = await DurableFile.open(segment.path);
    const full = this.#file;
    this.#file = file;
    this.#segment = segment;
    this.#commit = 0;
    this.#begun(segment);
    // Closed last: whoever compares the descriptor with the file at the path finds it open.
    await full.close();
  }

  /** Resolves when nothing is being written. Call it when no call is in progress. */
  idle(): Promise<void> {
    return this.#file.idle();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #writerPlace(): WriterPlace {
    const [dir, identity, segmentBytes] = [this.#dir, this.#identity, this.#segmentBytes];
    return { dir, identity, segmentBytes, begun: this.#begun };
  }

  /**
   * @param needsRooms messages of rooms other than `main` will be written; then all later segments
   * may have them
   */
  #mustRotate(needsRooms: boolean): boolean {
    const { end, hasRooms, rooms } = this.#segment;
    const isFull = end >= this.#segmentBytes || (rooms?.length ?? 0) >= maxRoomRecords;
    return isFull || (needsRooms && !hasRooms);
  }

  async #writeMark(mark: Pick<NewItem, "kind" | "first" | "last">): Promise<void> {
    if (this.#mustRotate(false)) {
      await this.rotate();
    }
    const { sentAt, totalBytes } = this.#standing;
    const item = { ...mark, room: "", count: 0, sentAt, totalBytes };
    const bytes = Buffer.alloc(itemHeaderLength);
    const place = { salt: this.#segment.salt, commit: ++this.#commit, endsCommit: true };
    encodeItem(bytes, 0, 0, item, place);
    await this.#file.write(bytes, this.#segment.end);
    this.#place([{ ...item, start: bytes.length, end: bytes.length }], bytes.length);
  }

  /** Adds items that were written at the end, of this many bytes. */
  #place(items: readonly FramedItem[], length: number): void {
    const segment = this.#segment;
    for (const item of items) {
      const at = segment.end + item.start - itemPrefixLength(item.room);
      segment.index!.add(item, at);
      segment.rooms?.add(item, at);
    }
    segment.end += length;
  }
}

/** Where a writer writes. */
export interface WriterPlace {
  readonly dir: string;
  readonly identity: string;
  readonly segmentBytes: number;
  /** Called when a segment was begun after the first. */
  readonly begun: (segment: Segment) => void;
}

/** Creates a segment: the file and its name are durable before anything is written to it. */
async function makeSegment(
  { dir, identity }: WriterPlace,
  serial: number,
  { last, sentAt, totalBytes, firstKept }: Standing,
  previous: Segment | undefined,
  hasRooms: boolean,
): Promise<Segment> {
  const header = {
    identity,
    serial,
    salt: randomSalt(),
    hasRooms,
    first: last + 1,
    totalBytes,
    sentAt,
    firstKept,
    previousSalt: previous?.salt ?? 0,
    previousEnd: previous?.end ?? 0,
  };
  const segment = new Segment(segmentPath(dir, serial), header);
  segment.index = new SegmentIndex();
  segment.rooms = hasRooms ? new RoomTable(header.first) : undefined;
  await replaceFile(segment.path, encodeSegmentHeader(header));
  return segment;
}

/** Not 0, which stands for none. */
function randomSalt(): number {
  return randomBytes(4).readUInt32BE() || 1;
}
