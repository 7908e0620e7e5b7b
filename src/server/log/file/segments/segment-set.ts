import { readFile } from "node:fs/promises";
import { lowerBound } from "../../../util/lower-bound.js";
import { replaceFile } from "../disk-file.js";
import { indexWrites } from "../disk-queues.js";
import { itemKind } from "./item.js";
import { ItemReader, type ItemReaderOptions } from "./item-reader.js";
import type { Segment } from "./segment.js";
import type { SegmentFiles } from "./segment-files.js";
import { segmentHeaderLength } from "./segment-header.js";
import { SegmentIndex } from "./segment-index.js";

/** Bytes that are fetched at once when a whole segment is read. */
const scanBytes = 512 * 1024;

/** How many loaded indexes are kept in memory: 16 KiB each, or a little more. */
const maxIndexes = 512;

/** A place in a segment where an item begins. */
export interface Place {
  readonly segment: Segment;
  readonly position: number;
}

/** The segments of a log, oldest first, with their files and indexes. */
export class SegmentSet {
  readonly dir: string;
  readonly files: SegmentFiles;
  readonly #segments: Segment[];
  /** Segments whose index is also in its file, the most recently read one at the end. */
  readonly #indexed = new Set<Segment>();
  /** Indexes that are being written. */
  readonly #writing = new Set<Promise<void>>();
  /** Whether rebuilt indexes are saved. */
  keepsIndexes = false;

  constructor(dir: string, files: SegmentFiles, segments: Segment[]) {
    this.dir = dir;
    this.files = files;
    this.#segments = segments;
  }

  get all(): readonly Segment[] {
    return this.#segments;
  }

  /** Adds the segment that is written from now on. */
  add(segment: Segment): void {
    this.#segments.push(segment);
  }

  /** Removes the oldest segment. */
  dropOldest(): void {
    const segment = this.#segments.shift();
    if (segment !== undefined) {
      this.#indexed.delete(segment);
      this.files.forget(segment);
    }
  }

  /** Reads the items of a segment one by one. */
  reader(segment: Segment, options: ItemReaderOptions): ItemReader {
    return new ItemReader(this.files, segment, options);
  }

  /** Where to look for a message; undefined if there are no segments. */
  async find(sequence: number): Promise<Place | undefined> {
    const low = lowerBound(0, this.#segments.length, (i) => this.#segments[i]!.first > sequence);
    const segment = this.#segments[Math.max(0, low - 1)];
    return segment && { segment, position: (await this.indexOf(segment)).find(sequence) };
  }

  /** The beginning of the next segment. */
  after(segment: Segment): Place | undefined {
    const next = this.next(segment);
    return next && { segment: next, position: segmentHeaderLength };
  }

  /** The segment that comes after one. */
  next({ serial }: Segment): Segment | undefined {
    return this.#segments[this.#placeAfter(serial)];
  }

  /** The segment that comes before one. */
  before({ serial }: Segment): Segment | undefined {
    return this.#segments[this.#placeAfter(serial - 1) - 1];
  }

  /** The place of the first segment with a higher serial. */
  #placeAfter(serial: number): number {
    return lowerBound(0, this.#segments.length, (i) => this.#segments[i]!.serial > serial);
  }

  /** The index of a segment: from memory, from its file, or made by reading the segment. */
  async indexOf(segment: Segment): Promise<SegmentIndex> {
    if (segment.index !== undefined) {
      return segment.index;
    }
    const bytes = await readFile(segment.indexPath).catch(() => undefined);
    const found = bytes && SegmentIndex.decode(bytes, segment);
    const index = found ?? (await this.#makeIndex(segment));
    segment.index = index;
    this.#bound(segment);
    if (found === undefined && this.keepsIndexes) {
      this.keepIndex(segment);
    }
    return index;
  }

  /** Drops the index that was read first, if there are too many. */
  #bound(segment: Segment): void {
    this.#indexed.add(segment);
    const [oldest] = this.#indexed;
    if (oldest !== undefined && this.#indexed.size > maxIndexes) {
      oldest.index = undefined;
      this.#indexed.delete(oldest);
    }
  }

  /** Writes the index of a full segment, in the background. */
  keepIndex(segment: Segment): void {
    const { index } = segment;
    if (index !== undefined) {
      const bytes = index.encode(segment);
      const writing = indexWrites
        .run(() => replaceFile(segment.indexPath, bytes))
        .catch(() => {}) // It is derived data: without it, the whole segment is read once.
        .finally(() => {
          this.#writing.delete(writing);
          this.#bound(segment);
        });
      this.#writing.add(writing);
    }
  }

  /** Closes all files, after waiting for indexes that are being written. */
  async close(): Promise<void> {
    await Promise.all(this.#writing);
    await this.files.close();
  }

  async #makeIndex(segment: Segment): Promise<SegmentIndex> {
    const index = new SegmentIndex();
    const skips = itemKind.messages;
    const options = { from: segmentHeaderLength, fetchBytes: scanBytes, skips };
    const reader = this.reader(segment, options);
    for (let step = await reader.step(); step !== "end"; step = await reader.step()) {
      if (step === "item") {
        index.add(reader.item, reader.position);
      }
    }
    return index;
  }
}
