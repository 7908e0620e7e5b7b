import type { Batch } from "./message-log.js";
import type { MessageRecord } from "./record.js";
import { joinBatches, maxBatchBytes, sliceBatch } from "./stored-message.js";

/** A joined batch of at least so many bytes is kept even if more has followed it since. */
const worthSharingBytes = 4096;

/** Most bytes of batches that were joined or cut for readers. */
const maxMadeBytes = 8 * 1024 * 1024;

/**
 * The newest messages of a log, in memory, and the batches that were handed out from them:
 * readers at the same place get the same object, so that what one of them makes of a batch
 * serves all.
 */
export class Recent {
  readonly #maxBytes: number;
  /** Consecutive; those before `#start` are gone. */
  #records: MessageRecord[] = [];
  #start = 0;
  #bytes = 0;
  #head: number;
  /** Batches that are not a record as it is, by the sequence that they follow. */
  readonly #made = new Map<number, Batch>();
  #madeBytes = 0;

  /** Keeps about `maxBytes` of messages, from those that follow `head` on. */
  constructor(maxBytes: number, head: number) {
    this.#maxBytes = maxBytes;
    this.#head = head;
  }

  /** Sequence of the newest message. */
  get head(): number {
    return this.#head;
  }

  /** Sequence of the oldest message held; head + 1 if there is none. */
  get first(): number {
    return this.#records[this.#start]?.first ?? this.#head + 1;
  }

  /** Adds a batch that follows the head. */
  add(record: MessageRecord): void {
    this.#records.push(record);
    this.#bytes += record.bytes.length;
    this.#head = record.last;
    while (this.#bytes > this.#maxBytes && this.#start < this.#records.length - 1) {
      this.#dropOldest();
    }
  }

  /** Lets go of what ends before `first`. */
  dropBefore(first: number): void {
    while (this.#start < this.#records.length && this.#records[this.#start]!.last < first) {
      this.#dropOldest();
    }
  }

  /** The oldest record held. */
  get oldest(): MessageRecord | undefined {
    return this.#records[this.#start];
  }

  /** The message of a sequence, if it is held. */
  find(sequence: number): Batch | undefined {
    return sequence < this.first || sequence > this.#head
      ? undefined
      : sliceBatch(this.#records[this.#indexAfter(sequence - 1)]!, sequence - 1, sequence);
  }

  /**
   * What follows `after`, which is held; undefined if it is the head. Goes no further than
   * `through` and has at most `limit` messages.
   */
  read(after: number, through?: number, limit?: number): Batch | undefined {
    if (after >= this.#head) {
      return undefined;
    }
    const made = this.#made.get(after);
    if (made !== undefined) {
      if (made.last === this.#head || made.bytes.length >= worthSharingBytes) {
        return sliceBatch(made, after, through, limit);
      }
      this.#forget(after, made);
    }
    const index = this.#indexAfter(after);
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
    const batch = joinBatches(parts);
    if (batch !== this.#records[index]) {
      this.#remember(after, batch);
    }
    return sliceBatch(batch, after, through, limit);
  }

  /** Where the record that has what follows `after` stands. */
  #indexAfter(after: number): number {
    let low = this.#start;
    let high = this.#records.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#records[middle]!.last > after) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  #remember(after: number, batch: Batch): void {
    this.#made.set(after, batch);
    this.#madeBytes += batch.bytes.length;
    for (const [place, oldest] of this.#made) {
      if (this.#madeBytes <= maxMadeBytes) {
        return;
      }
      this.#forget(place, oldest);
    }
  }

  #forget(after: number, batch: Batch): void {
    this.#made.delete(after);
    this.#madeBytes -= batch.bytes.length;
  }

  #dropOldest(): void {
    this.#bytes -= this.#records[this.#start]!.bytes.length;
    this.#start++;
    // Moving the rest down now and then costs less than shift() at each step.
    if (this.#start > 64 && this.#start * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#start);
      this.#start = 0;
    }
  }
}
