import type { Batch } from "../message-log.js";
import type { RecordFields } from "./stored-record.js";

/*
 * Where the fields of a record are in its row. `start` and `end` are places in its buffer.
 */
const firstAt = 0;
const lastAt = 1;
const countAt = 2;
const sentAtAt = 3;
const totalBytesAt = 4;
const startAt = 5;
const endAt = 6;
const rowLength = 7;

/** A full table gets space for twice as many records as it holds, and for this many at least. */
const leastRows = 64;

/**
 * Size of a record besides its messages, in bytes: twice its row and its two references, and its
 * numbers in two lists.
 */
const recordCost = 176;

/** Approximate sizes of a batch and of a buffer besides the messages in them, in bytes. */
const batchCost = 256;
const bufferCost = 200;

/**
 * A record is copied for its readers if its buffer is larger than this, in bytes, and has many more
 * records: a slow reader of a small message must not keep a large commit in memory.
 */
const largeBuffer = 64 * 1024;
const manyRecords = 16;

/**
 * Readers that keep up read the newest records: for how many of these they share batches, and how
 * many bytes these take at most.
 */
const maxBatches = 1024;
const maxBatchesBytes = 1024 * 1024;

/**
 * The records of a tail: rows of a table, and the buffers that they came in. Each has a number: 1
 * more than the one before.
 *
 * A tail has tens of thousands of records, and most are never read by themselves. An object for
 * each would cost the garbage collector more than all other work for it. So an object is made when
 * somebody reads a record.
 */
export class TailRecords<List> {
  /** The number of the record in the first row. */
  #base = 0;
  #oldest = 0;
  #next = 0;
  #rows = new Float64Array(leastRows * rowLength);
  #buffers: (Uint8Array | undefined)[] = [];
  #lists: (List | undefined)[] = [];
  /** The batches of single records that were read last. */
  readonly #batches = new Map<number, Batch>();
  #batchesBytes = 0;
  #bytes = 0;

  /** Approximate size in memory, in bytes, with the whole buffers. */
  get bytes(): number {
    return this.#bytes + this.#batchesBytes;
  }

  /** The number of records. */
  get length(): number {
    return this.#next - this.#oldest;
  }

  /** The number of the oldest record, if there is one. */
  get oldest(): number {
    return this.#oldest;
  }

  /**
   * Adds a record and returns its number.
   *
   * @param buffer has its messages, from `start` to `end`
   * @param list the records of its room
   */
  add(
    { first, last, count, sentAt, totalBytes }: RecordFields,
    buffer: Uint8Array,
    start: number,
    end: number,
    list: List,
  ): number {
    const number = this.#next++;
    let row = (number - this.#base) * rowLength;
    if (row === this.#rows.length) {
      this.#makeSpace();
      row = (number - this.#base) * rowLength;
    }
    const rows = this.#rows;
    rows[row + firstAt] = first;
    rows[row + lastAt] = last;
    rows[row + countAt] = count;
    rows[row + sentAtAt] = sentAt;
    rows[row + totalBytesAt] = totalBytes;
    rows[row + startAt] = start;
    rows[row + endAt] = end;
    if (number === this.#oldest || this.#buffers.at(-1) !== buffer) {
      this.#bytes += buffer.length + bufferCost;
    }
    this.#buffers.push(buffer);
    this.#lists.push(list);
    this.#bytes += recordCost;
    return number;
  }

  /** Removes the oldest record. */
  dropOldest(): void {
    const index = this.#oldest - this.#base;
    const buffer = this.#buffers[index]!;
    this.#unshare(this.#oldest);
    // One quiet room must not keep a whole commit in memory.
    this.#buffers[index] = undefined;
    this.#lists[index] = undefined;
    this.#oldest++;
    if (this.#buffers[index + 1] !== buffer) {
      this.#bytes -= buffer.length + bufferCost;
    }
    this.#bytes -= recordCost;
  }

  first(number: number): number {
    return this.#field(number, firstAt);
  }

  last(number: number): number {
    return this.#field(number, lastAt);
  }

  count(number: number): number {
    return this.#field(number, countAt);
  }

  sentAt(number: number): number {
    return this.#field(number, sentAtAt);
  }

  totalBytes(number: number): number {
    return this.#field(number, totalBytesAt);
  }

  /** Length of its messages, in bytes. */
  size(number: number): number {
    return this.#field(number, endAt) - this.#field(number, startAt);
  }

  /** The records of its room. */
  listOf(number: number): List {
    return this.#lists[number - this.#base]!;
  }

  /** Its messages: the same object for all readers near the head. */
  shared(number: number): Batch {
    let batch = this.#batches.get(number);
    if (batch === undefined) {
      batch = this.batch(number);
      this.#batches.set(number, batch);
      this.#batchesBytes += this.#sharedCost(number);
      while (this.#batches.size > maxBatches || this.#batchesBytes > maxBatchesBytes) {
        this.#unshare(this.#batches.keys().next().value!);
      }
    }
    return batch;
  }

  /** Its messages, as a new object. */
  batch(number: number): Batch {
    const buffer = this.#buffers[number - this.#base]!;
    const view = buffer.subarray(this.#field(number, startAt), this.#field(number, endAt));
    const bytes = this.#isCopied(number) ? new Uint8Array(view) : view;
    return { first: this.first(number), last: this.last(number), count: this.count(number), bytes };
  }

  /** Whether batches have copies of its messages. */
  #isCopied(number: number): boolean {
    const { length } = this.#buffers[number - this.#base]!;
    return length > largeBuffer && this.size(number) * manyRecords < length;
  }

  /** Size of its shared batch, in bytes. */
  #sharedCost(number: number): number {
    return batchCost + (this.#isCopied(number) ? this.size(number) : 0);
  }

  #unshare(number: number): void {
    if (this.#batches.delete(number)) {
      this.#batchesBytes -= this.#sharedCost(number);
    }
  }

  #field(number: number, at: number): number {
    return this.#rows[(number - this.#base) * rowLength + at]!;
  }

  /** Removes the rows of dropped records, so that at least half of the table is free. */
  #makeSpace(): void {
    const start = this.#oldest - this.#base;
    const held = this.#rows.subarray(start * rowLength);
    const enough = Math.max(leastRows * rowLength, 2 * held.length);
    const fits = this.#rows.length >= enough && this.#rows.length <= 2 * enough;
    const rows = fits ? this.#rows : new Float64Array(enough);
    rows.set(held);
    this.#rows = rows;
    this.#buffers.splice(0, start);
    this.#lists.splice(0, start);
    this.#base = this.#oldest;
  }
}
