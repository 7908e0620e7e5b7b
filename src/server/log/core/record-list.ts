import { joinBatches, maxBatchBytes, sliceBatch } from "../../encoding/batch.js";
import { lowerBound } from "../../util/lower-bound.js";
import type { Batch } from "../message-log.js";
import type { SharedBatches } from "./shared-batches.js";
import type { TailRecords } from "./tail-records.js";

/** Records of a tail in the order of their sequences, by their numbers. */
export class RecordList {
  /** The room that they belong to. */
  readonly room: string;
  readonly #records: TailRecords<RecordList>;
  /** Those before `#start` are removed. */
  #numbers: number[] = [];
  #start = 0;
  #count = 0;

  constructor(records: TailRecords<RecordList>, room: string) {
    this.#records = records;
    this.room = room;
  }

  /** The oldest record; undefined if there is none. */
  get oldest(): number | undefined {
    return this.#numbers[this.#start];
  }

  /** The newest record; undefined if there is none. */
  get newest(): number | undefined {
    return this.#start < this.#numbers.length ? this.#numbers.at(-1) : undefined;
  }

  /** The number of messages. */
  get count(): number {
    return this.#count;
  }

  /** Adds a record, which follows the newest. */
  add(number: number): void {
    this.#numbers.push(number);
    this.#count += this.#records.count(number);
  }

  /** Removes the oldest record. */
  dropOldest(): void {
    this.#count -= this.#records.count(this.#numbers[this.#start++]!);
    // Moving the other records now and then costs less than shift() each time.
    if (this.#start > 64 && this.#start * 2 > this.#numbers.length) {
      this.#numbers = this.#numbers.slice(this.#start);
      this.#start = 0;
    }
  }

  /** The records that have messages after a sequence, in order. */
  *after(sequence: number): Generator<number> {
    for (let i = this.#indexAfter(sequence); i < this.#numbers.length; i++) {
      yield this.#numbers[i]!;
    }
  }

  /** The records, the newest first. */
  *newestFirst(): Generator<number> {
    for (let i = this.#numbers.length - 1; i >= this.#start; i--) {
      yield this.#numbers[i]!;
    }
  }

  /** How many messages there are after a sequence. */
  countAfter(sequence: number): number {
    let count = 0;
    for (const number of this.after(sequence)) {
      const isWhole = sequence < this.#records.first(number);
      count += isWhole
        ? this.#records.count(number)
        : sliceBatch(this.#records.batch(number), sequence)!.count;
    }
    return count;
  }

  /**
   * The messages after `after`, up to the size of a batch; undefined if there are none.
   *
   * @param key of this list in `shared`
   */
  read(after: number, shared: SharedBatches, key: string): Batch | undefined {
    const { newest } = this;
    const last = newest === undefined ? 0 : this.#records.last(newest);
    if (newest === undefined || after >= last) {
      return undefined;
    }
    const index = this.#indexAfter(after);
    if (this.#numbers[index] === newest && after < this.#records.first(newest)) {
      return this.#records.shared(newest);
    }
    return shared.get(after, key, last) ?? shared.add(after, key, this.#join(index, after));
  }

  #join(index: number, after: number): Batch {
    const records = this.#records;
    const parts: Batch[] = [sliceBatch(records.batch(this.#numbers[index]!), after)!];
    let bytes = parts[0]!.bytes.length;
    for (let i = index + 1; i < this.#numbers.length; i++) {
      const next = this.#numbers[i]!;
      bytes += records.size(next);
      if (bytes > maxBatchBytes) {
        break;
      }
      parts.push(records.batch(next));
    }
    return joinBatches(parts);
  }

  /** The index of the first record that ends after a sequence; the length if there is none. */
  #indexAfter(after: number): number {
    const numbers = this.#numbers;
    return lowerBound(this.#start, numbers.length, (i) => this.#records.last(numbers[i]!) > after);
  }
}
