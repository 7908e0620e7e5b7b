import { itemKind } from "../item.js";
import type { Segment } from "../segment.js";
import { segmentHeaderLength } from "../segment-header.js";
import type { SegmentSet } from "../segment-set.js";
import { ByteLru } from "./byte-lru.js";
import { MainDirectory, noRooms, type RoomDirectory } from "./directory.js";
import { Pace } from "./pace.js";
import { DamagedRoomFile, type PageCache, RoomFile } from "./room-file.js";
import { type RoomBase, writeRoomFile } from "./room-file-writer.js";
import { RoomTable } from "./room-table.js";

/** Maximum number of bytes of indexes in memory. */
const cacheBytes = 16 * 1024 * 1024;

/** Bytes that are fetched at once when a segment is scanned. */
const scanBytes = 512 * 1024;

/** How often a file is written that cannot be read then, or whose base cannot. */
const writeAttempts = 3;

/** How long to wait after a file could not be written, in milliseconds. */
const retryMs = 5000;

/**
 * The rooms of each segment of a log. For the segment that is being written, they are in memory.
 * For each other segment they are in a file, which is written when the segment is full, and written
 * again if it is damaged or missing. Files are read only when needed.
 *
 * Segments that have no rooms but `main` have no such files, so a log without rooms has none.
 */
export class RoomIndex {
  readonly cache: PageCache = new ByteLru<object>(cacheBytes);
  readonly #segments: SegmentSet;
  readonly #files = new Map<Segment, RoomFile>();
  /** Files are written one after the other, because each continues the one before. */
  #making: Promise<unknown> = Promise.resolve();
  #failure: { readonly error: unknown; readonly at: number } | undefined;
  #isClosed = false;

  constructor(segments: SegmentSet) {
    this.#segments = segments;
  }

  /** Writes the file of a full segment, in the background. */
  keep(segment: Segment): void {
    if (segment.hasRooms) {
      this.#makeThrough(segment).catch(() => {}); // The next query tries again.
    }
  }

  /** Closes the file of a removed segment. */
  forget(segment: Segment): void {
    const file = this.#files.get(segment);
    if (file !== undefined) {
      this.#files.delete(segment);
      this.#segments.files.forget(file);
    }
  }

  /** The rooms of a segment that may have some. Rejects if its file cannot be written. */
  async of(segment: Segment): Promise<RoomTable | RoomFile> {
    const known = segment.rooms ?? this.#files.get(segment);
    if (known !== undefined) {
      return known;
    }
    await this.#makeThrough(segment);
    const made = segment.rooms ?? this.#files.get(segment);
    if (made === undefined) {
      throw new Error(`segment ${segment.serial} was removed meanwhile`);
    }
    return made;
  }

  /**
   * The state of all rooms at the end of a segment that is full, or has no rooms but `main`.
   *
   * @param end of the log: its last message, and when the log stored it
   */
  async endOf(
    segment: Segment,
    end: { readonly last: number; readonly sentAt: number },
  ): Promise<RoomDirectory> {
    if (!segment.hasRooms) {
      const next = this.#segments.next(segment);
      return next === undefined
        ? new MainDirectory(segment.serial, end.last, end.sentAt)
        : new MainDirectory(segment.serial, next.first - 1, next.sentAt);
    }
    const file = this.#files.get(segment);
    if (file !== undefined) {
      return file;
    }
    await this.#makeThrough(segment);
    return this.#files.get(segment) ?? noRooms;
  }

  /**
   * Runs a query. If it finds a damaged file, writes that file again and repeats the query; if it
   * fails and retention has removed a segment meanwhile, repeats it.
   */
  async query<T>(run: () => Promise<T>): Promise<T> {
    for (let left = this.#segments.all.length; ; ) {
      const [oldest] = this.#segments.all;
      try {
        return await run();
      } catch (error) {
        if (this.#segments.all[0] !== oldest) {
          continue;
        }
        if (!(error instanceof DamagedRoomFile) || left-- < 0) {
          throw error;
        }
        await this.#inTurn(() => this.#makeAnew(error.file));
      }
    }
  }

  /** Waits until no file is being written. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#making.catch(() => {});
  }

  /** Writes a damaged file again, and the files that continue it if its contents have changed. */
  async #makeAnew(damaged: RoomFile): Promise<void> {
    for (const segment of this.#segments.all.slice()) {
      const file = this.#files.get(segment);
      const isLater = file !== undefined && segment.serial > damaged.serial;
      if (file === damaged || (isLater && !(await this.#goesOn(file, segment)))) {
        this.forget(segment);
        await this.#make(segment);
      }
    }
  }

  #makeThrough(last: Segment): Promise<void> {
    return this.#inTurn(async () => {
      for (const segment of this.#segments.all.slice()) {
        if (segment.serial > last.serial) {
          return;
        }
        if (segment.hasRooms && !this.#files.has(segment)) {
          await this.#open(segment);
        }
      }
    });
  }

  /** Opens the file of a segment, or writes it. */
  async #open(segment: Segment): Promise<void> {
    const { files } = this.#segments;
    const file = segment.rooms ? undefined : await RoomFile.open(segment, files, this.cache);
    if (file !== undefined && (await this.#goesOn(file, segment))) {
      this.#files.set(segment, file);
    } else {
      await this.#make(segment);
    }
  }

  /** Whether a file continues the file of the segment before. */
  async #goesOn(file: RoomFile, segment: Segment): Promise<boolean> {
    const previous = this.#segments.before(segment);
    const before = previous?.serial === segment.serial - 1 && this.#files.get(previous);
    return !before || before.sum === file.header.previous;
  }

  async #make(segment: Segment): Promise<void> {
    if (this.#segments.all.at(-1) === segment) {
      return; // It is being written: its table is still in use.
    }
    const table = segment.rooms ?? (await this.#tableOf(segment));
    const next = this.#segments.next(segment);
    if (next?.serial === segment.serial + 1) {
      table.settle(next.first - 1, segment.end);
    }
    for (let left = writeAttempts; left > 0 && this.#segments.all.includes(segment); left--) {
      try {
        await writeRoomFile(segment, table, await this.#baseOf(segment));
      } catch (error) {
        if (!(error instanceof DamagedRoomFile)) {
          throw error;
        }
        await this.#makeAnew(error.file); // An earlier file is damaged.
        continue;
      }
      // Undefined if it was deleted meanwhile, or the disk does not return it.
      const file = await RoomFile.open(segment, this.#segments.files, this.cache);
      if (file !== undefined && this.#segments.all.includes(segment)) {
        this.#files.set(segment, file);
        segment.rooms = undefined;
        return;
      }
    }
    if (this.#segments.all.includes(segment)) {
      throw new Error(
        `${segment.roomsPath} cannot be read after it was written, or the one before it`,
      );
    }
  }

  async #baseOf(segment: Segment): Promise<RoomBase> {
    const previous = this.#segments.before(segment);
    if (previous?.serial !== segment.serial - 1) {
      return { entries: noRooms.entriesFrom(), sum: 0 };
    }
    if (!previous.hasRooms) {
      const main = new MainDirectory(previous.serial, segment.first - 1, segment.sentAt);
      return { entries: main.entriesFrom(""), sum: 0 };
    }
    const file = this.#files.get(previous);
    if (file === undefined) {
      // Without it, the messages before would not be counted, now and by all later files.
      throw new Error(`${previous.roomsPath} must be there before the file that continues it`);
    }
    return { entries: file.entriesFrom(""), sum: file.sum };
  }

  /** Scans a segment. */
  async #tableOf(segment: Segment): Promise<RoomTable> {
    const table = new RoomTable(segment.first);
    const pace = new Pace();
    const skips = itemKind.messages;
    const options = { from: segmentHeaderLength, fetchBytes: scanBytes, skips };
    const reader = this.#segments.reader(segment, options);
    for (;;) {
      const stepping = reader.step();
      if (typeof stepping !== "string") {
        await pace.rest();
      }
      const step = typeof stepping === "string" ? stepping : await stepping;
      if (step === "end") {
        return table;
      }
      if (step === "item") {
        table.add(reader.item, reader.position);
      }
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#making.then(() => {
      if (this.#isClosed) {
        throw new Error("the log's files are closed");
      }
      if (this.#failure !== undefined && performance.now() - this.#failure.at < retryMs) {
        throw this.#failure.error;
      }
      this.#failure = undefined;
      return work();
    });
    this.#making = result.catch((error) => {
      this.#failure ??= { error, at: performance.now() };
    });
    return result;
  }
}
