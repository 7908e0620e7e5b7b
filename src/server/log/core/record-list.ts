import { joinBatches, maxBatchBytes, sliceBatch } from "../../encoding/batch.js";
import { lowerBound } from "../../util/lower-bound.js";
import type { Batch } from "../message-log.js";
import type { SharedBatches } from "./shared-batches.js";
import type { MessageRecord } from "./stored-record.js";

/** Records in the order of their sequences; the oldest ones are removed. */
export class RecordList {
  /** Records before `#start` are removed. */
  #records: (MessageRecord | undefined)[] = [];
  #start = 0;
  #count = 0;

  /** The oldest record; undefined if there is none. */
  get oldest(): MessageRecord | undefined {
    return this.#records[this.#start];
  }

  /** The newest record; undefined if there is none. */
  get newest(): MessageRecord | undefined {
    return this.#start < this.#records.length ? this.#records.at(-1) : undefined;
  }

  /** The number of messages. */
  get count(): number {
    return this.#count;
  }

  /** Adds a record, which follows the newest. */
  add(record: MessageRecord): void {
    this.#records.push(record);
    this.#count += record.count;
  }

  /** Removes the oldest record and returns it. */
  dropOldest(): MessageRecord {
    const oldest = this.#records[this.#start]!;
    this.#count -= oldest.count;
    // Its bytes are a view of its whole commit, which one quiet room must not keep in memory.
    this.#records[this.#start++] = undefined;
    // Moving the other records now and then costs less than shift() each time.
    if (this.#start > 64 && this.#start * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#start);
      this.#start = 0;
    }
    return oldest;
  }

  /** The records that have messages after a sequence, in order. */
  *after(sequence: number): Generator<MessageRecord> {
    for (let i = this.#indexAfter(sequence); i < this.#records.length; i++) {
      yield this.#records[i]!;
    }
  }

  /** The records, the newest first. */
  *newestFirst(): Generator<MessageRecord> {
    for (let i = this.#records.length - 1; i >= this.#start; i--) {
      yield this.#records[i]!;
    }
  }

  /**
   * The messages after `after`, up to the size of a batch; undefined if there are none.
   *
   * @param key of this list in `shared`
   */
  read(after: number, shared: SharedBatches, key: string): Batch | undefined {
    const newest = this.newest?.last ?? 0;
    if (after >= newest) {
      return undefined;
    }
    const index = this.#indexAfter(after);
    const first = this.#records[index]!;
    if (index === this.#records.length - 1 && after < first.first) {
      return first;
    }
    return shared.get(after, key, newest) ?? shared.add(after, key, this.#join(index, after));
  }

  #join(index: number, after: number): Batch {
    const parts: Batch[] = [sliceBatch(this.#records[index]!, after)!];
    let bytes = parts[0]!.bytes.length;
    for (let i = index + 1; i < this.#records.length; i++) {
      const next = this.#records[i]!;
      bytes += next.bytes.length;
      if (bytes > maxBatchBytes) {
        break;
      }
      parts.push(next);
    }
    return joinBatches(parts);
  }

  /** The index of the first record that ends after a sequence; the length if there is none. */
  #indexAfter(after: number): number {
    const records = this.#records;
    return lowerBound(this.#start, records.length, (i) => records[i]!.last > after);
  }
}
