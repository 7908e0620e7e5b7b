import { unlink } from "node:fs/promises";
import type { RoomSelection } from "../../rooms/room-selection.js";
import type { IdRecord, MessageRecord } from "../core/stored-record.js";
import type { Batch, RoomState, RoomsQuery } from "../message-log.js";
import { syncDirectory, truncateAt } from "./disk-file.js";
import { type ExpiryTest, lastExpired } from "./expired-records.js";
import { BatchReader } from "./segments/batch-reader.js";
import type { StoredCommit } from "./segments/commit-frame.js";
import { RoomCounts } from "./segments/rooms/room-counts.js";
import { RoomIndex } from "./segments/rooms/room-index.js";
import { RoomList } from "./segments/rooms/room-list.js";
import { type RoomPiece, RoomReader } from "./segments/rooms/room-reader.js";
import type { Segment } from "./segments/segment.js";
import { SegmentFiles } from "./segments/segment-files.js";
import { type IdsWanted, SegmentIds } from "./segments/segment-ids.js";
import { listSegments, removeDrafts, removeOlderFiles } from "./segments/segment-list.js";
import { SegmentSet } from "./segments/segment-set.js";
import { defaultSegmentBytes, SegmentWriter, type WriterPlace } from "./segments/segment-writer.js";
import { readTail, type Standing, type Tail } from "./torn-tail.js";

export interface StoreOptions {
  /** The folder of the segments. */
  readonly dir: string;
  readonly identity: string;
  /** Bytes after which a segment is full. Default 64 MiB. */
  readonly segmentBytes?: number;
}

interface FoundLog {
  readonly segments: SegmentSet;
  readonly standing: Standing;
  /** The end of the last segment; undefined if nothing can be written there. */
  readonly tail: Tail | undefined;
  readonly nextSerial: number;
  readonly faults: readonly string[];
}

/**
 * The messages of a log in a folder of segments. It knows how they are found and written; the
 * queries of a log are above it.
 */
export class FileStore {
  /** What was damaged or missing when the store was opened, for the operator. */
  readonly faults: readonly string[];
  readonly #options: StoreOptions;
  readonly #segments: SegmentSet;
  readonly #batches: BatchReader;
  readonly #ids: SegmentIds;
  readonly #rooms: RoomIndex;
  readonly #roomReader: RoomReader;
  readonly #roomCounts: RoomCounts;
  readonly #roomList: RoomList;
  readonly #tail: Tail | undefined;
  readonly #standing: Standing;
  #nextSerial: number;
  /** Files of segments before the oldest one may exist. */
  #hasOlderFiles = true;
  #writer: SegmentWriter | undefined;
  /** Resolves when the write in progress has ended. */
  #writing: Promise<unknown> = Promise.resolve();
  #failure: unknown;
  #isClosed = false;

  private constructor(options: StoreOptions, found: FoundLog) {
    this.#options = options;
    this.#segments = found.segments;
    this.#batches = new BatchReader(found.segments);
    this.#ids = new SegmentIds(found.segments);
    this.#rooms = new RoomIndex(found.segments);
    this.#roomReader = new RoomReader(found.segments, this.#rooms, this.#batches);
    this.#roomCounts = new RoomCounts(found.segments, this.#rooms);
    this.#roomList = new RoomList(found.segments, this.#rooms);
    this.#standing = found.standing;
    this.#tail = found.tail;
    this.#nextSerial = found.nextSerial;
    this.faults = found.faults;
  }

  /**
   * A store in a folder without segments, whose first message will be `first`. Nothing is created
   * before `startWriting`.
   */
  static create(options: StoreOptions, first = 1): FileStore {
    const segments = new SegmentSet(options.dir, new SegmentFiles(), []);
    const standing = { last: first - 1, sentAt: 0, totalBytes: 0, firstKept: first };
    return new FileStore(options, {
      segments,
      standing,
      tail: undefined,
      nextSerial: 1,
      faults: [],
    });
  }

  /**
   * Opens a store for reading; nothing is written. Resolves with undefined if there are no
   * segments. Rejects with `failed_precondition` if they belong to another log or have a newer
   * format.
   *
   * @param known the last message and the oldest one kept, according to the head files. Default:
   * they know of none
   */
  static async open(
    options: StoreOptions,
    known: { readonly head: number; readonly first?: number } = { head: 0 },
  ): Promise<FileStore | undefined> {
    const files = new SegmentFiles();
    try {
      const list = await listSegments(options.dir, options.identity, files);
      if (list.highestSerial === 0) {
        return undefined;
      }
      const { faults, highestSerial } = list;
      const segment = list.segments.at(-1);
      const before = {
        last: (segment?.first ?? 1) - 1,
        sentAt: segment?.sentAt ?? 0,
        totalBytes: segment?.totalBytes ?? 0,
        firstKept: list.firstKept,
      };
      const tail = segment && (await readTail(files, segment, list.lastSize, before, known.head));
      if (segment !== undefined && tail !== undefined) {
        segment.end = tail.end;
        segment.index = tail.index;
        segment.rooms = tail.rooms;
        if (tail.isDamaged) {
          faults.push(`${segment.path} is damaged`);
        }
      }
      const isWritable = list.isLastIntact && segment?.serial === highestSerial;
      const [oldest] = list.segments;
      const standing = tail ?? before;
      const firstKept = Math.max(standing.firstKept, known.first ?? 1);
      if (isWritable && oldest !== undefined && oldest.first > firstKept) {
        faults.push(
          `messages ${firstKept} to ${oldest.first - 1} are missing before ${oldest.path}`,
        );
      }
      return new FileStore(options, {
        segments: new SegmentSet(options.dir, files, list.segments),
        standing: { ...standing, firstKept },
        tail: isWritable ? tail : undefined,
        nextSerial: highestSerial + 1,
        faults,
      });
    } catch (error) {
      await files.close();
      throw error;
    }
  }

  /** Where the log stands according to its segments, without what is lost at their end. */
  get standing(): Standing {
    return this.#writer?.standing ?? this.#standing;
  }

  /** Whether a write has failed: nothing can be written any more. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** The file that is written to; undefined before `startWriting`. */
  get active(): { readonly path: string; readonly fd: number } | undefined {
    return this.#writer && { path: this.#writer.segment.path, fd: this.#writer.fd };
  }

  /**
   * Makes the store ready for writing after a message: the last one, or a later one if those
   * between are lost. Everything stored is durable then.
   */
  async startWriting(last = this.standing.last): Promise<void> {
    const { dir, identity, segmentBytes = defaultSegmentBytes } = this.#options;
    await removeDrafts(dir);
    const place: WriterPlace = {
      dir,
      identity,
      segmentBytes,
      begun: (segment) => {
        const before = this.#segments.all.at(-1)!;
        this.#segments.add(segment);
        this.#keepIndexes(before);
      },
    };
    const before = this.#segments.all.at(-1);
    const tail = this.#tail;
    this.#segments.keepsIndexes = true;
    if (before !== undefined && tail?.isClean && last === tail.last) {
      this.#writer = await SegmentWriter.continue(place, before, tail);
      if (this.#standing.firstKept > tail.firstKept) {
        await this.#writer.writeFirst(this.#standing.firstKept); // Only the head file knew.
      }
      return;
    }
    // The torn end is left alone: the header of a new segment says where the log ends in the
    // previous one.
    const previous = before?.serial === this.#nextSerial - 1 ? before : undefined;
    const standing = { ...this.#standing, last };
    const hasRooms = before?.hasRooms ?? false;
    this.#writer = await SegmentWriter.begin(place, this.#nextSerial, standing, previous, hasRooms);
    this.#segments.add(this.#writer.segment);
    if (before !== undefined) {
      this.#keepIndexes(before);
      if (tail?.isTorn || tail?.isClean) {
        await truncateAt(before.path, before.end);
      }
    }
  }

  /** Writes the indexes of a full segment, in the background. */
  #keepIndexes(segment: Segment): void {
    this.#segments.keepIndex(segment);
    this.#rooms.keep(segment);
  }

  /** Writes consecutive commits, all or nothing, and waits for the disk. */
  write(...commits: readonly StoredCommit[]): Promise<void> {
    return this.#inTurn((writer) => writer.write(commits));
  }

  /** Records that the messages from the next one up to `last` were lost. */
  writeGap(last: number): Promise<void> {
    return this.#inTurn((writer) => writer.writeGap(last));
  }

  /** See {@link BatchReader.read}. */
  read(after: number, through: number, limit?: number): Promise<Batch> {
    return this.#batches.read(after, through, limit);
  }

  /** Whether a selection of rooms has every message. */
  isCoveredBy(rooms: RoomSelection): boolean {
    // After a segment with rooms, all segments have rooms.
    return rooms.isAll || (rooms.has("") && this.#segments.all.at(-1)?.hasRooms === false);
  }

  /** See {@link RoomReader.read}. */
  readRooms(
    after: number,
    through: number,
    rooms: RoomSelection,
    limit?: number,
  ): Promise<RoomPiece> {
    return this.#roomReader.read(after, through, rooms, limit);
  }

  /** See {@link RoomCounts.beforeLast}. */
  beforeLast(
    count: number,
    rooms: RoomSelection,
    first: number,
    head: number,
    signal?: AbortSignal,
  ): Promise<number> {
    return this.#roomCounts.beforeLast(count, rooms, first, head, signal);
  }

  /** See {@link RoomList.list}. */
  rooms(query: RoomsQuery, first: () => number): Promise<RoomState[]> {
    return this.#roomList.list(query, first, () => this.standing);
  }

  /** See {@link BatchReader.records}. */
  records(after: number): AsyncGenerator<MessageRecord> {
    return this.#batches.records(after);
  }

  /** See {@link SegmentIds.read}. */
  ids(wanted?: IdsWanted): AsyncGenerator<(IdRecord | undefined)[]> {
    return this.#ids.read(wanted);
  }

  /** See {@link lastExpired}. */
  lastExpired(isExpired: ExpiryTest): Promise<number | undefined> {
    return lastExpired(this.#segments, isExpired);
  }

  /**
   * Removes the messages before `first`: from the log at once, from the disk by whole segments.
   * Their ids are kept until they are forgotten.
   *
   * @param idsFrom sequence of the oldest message whose id is remembered
   */
  async removeBefore(first: number, idsFrom: number): Promise<void> {
    if (first > this.standing.firstKept) {
      await this.#inTurn(async (writer) => {
        await writer.writeFirst(first);
        if (writer.standing.last < first && writer.standing.last >= writer.segment.first) {
          await writer.rotate(); // None of its messages is kept: it can be deleted.
        }
      });
    }
    await this.#removeSegments(first, idsFrom);
  }

  /**
   * Removes whole segments before `first` although nothing can be written to the log, because the
   * disk is full. Rejects if there is no room for those of their ids that are still remembered.
   *
   * @param putDown makes it durable that the log begins with `first`
   */
  async makeRoom(first: number, idsFrom: number, putDown: () => Promise<void>): Promise<void> {
    const { all } = this.#segments;
    const removed = all.filter((_, i) => i + 1 < all.length && all[i + 1]!.first <= first);
    if (removed.length === 0) {
      return;
    }
    for (const segment of removed) {
      // Indexes can be rebuilt: deleting them first makes room for the ids.
      await unlink(segment.indexPath).catch(() => {});
      await unlink(segment.roomsPath).catch(() => {});
    }
    await putDown();
    await this.#removeSegments(first, idsFrom);
  }

  async #removeSegments(first: number, idsFrom: number): Promise<void> {
    const { all } = this.#segments;
    while (all.length > 1 && all[1]!.first <= first) {
      const oldest = all[0]!;
      await this.#ids.keep(oldest, idsFrom);
      // Before the file goes: a query that misses the file then finds the segment gone, too.
      this.#segments.dropOldest();
      this.#rooms.forget(oldest);
      this.#hasOlderFiles = true;
      await unlink(oldest.path);
      await syncDirectory(this.#options.dir);
    }
    const [oldest] = all;
    if (this.#hasOlderFiles && oldest !== undefined && oldest.first <= first) {
      await removeOlderFiles(this.#options.dir, oldest.serial);
      this.#hasOlderFiles = false;
    }
  }

  /** Forgets the ids of removed messages that come before a message. */
  removeIds(before: number): Promise<void> {
    return this.#ids.removeKept(before);
  }

  /** Resolves when nothing is being written: another store may write to the same files then. */
  async idle(): Promise<void> {
    await this.#writing;
    await this.#writer?.idle();
  }

  /** Closes all files, after waiting for operations in progress. */
  async close(): Promise<void> {
    await this.#writing;
    this.#failure ??= new Error("the log's files are closed");
    if (!this.#isClosed) {
      this.#isClosed = true;
      await this.#writer?.close();
    }
    await this.#rooms.close();
    await this.#segments.close();
  }

  #inTurn<T>(work: (writer: SegmentWriter) => Promise<T>): Promise<T> {
    const result = this.#writing.then(() => {
      if (this.#failure !== undefined || this.#writer === undefined) {
        throw this.#failure ?? new Error("the log was opened to be read");
      }
      return work(this.#writer);
    });
    this.#writing = result.catch((error) => {
      // What a failed write left behind is unknown: the log must be opened again first.
      this.#failure ??= error;
    });
    return result;
  }
}
