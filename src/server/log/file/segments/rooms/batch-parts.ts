import { type Batch, joinBatches, maxBatchBytes, sliceBatch } from "../../../../encoding/batch.js";

/** A batch of at least this many bytes is returned before more is fetched for it. */
const enoughBytes = maxBatchBytes / 2;

/** Messages that are collected for one batch. */
export class BatchParts {
  readonly #parts: Batch[] = [];
  readonly #limit: number;
  #bytes = 0;
  #count = 0;

  /** @param limit maximum number of messages, at least 1 */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  /** Sequence of the last message; 0 if there is none. */
  get last(): number {
    return this.#parts.at(-1)?.last ?? 0;
  }

  /** Whether the batch is large enough to be returned. */
  get isFull(): boolean {
    return this.#bytes >= enoughBytes || this.left === 0;
  }

  /** How many more messages are wanted. */
  get left(): number {
    return this.#limit - this.#count;
  }

  /**
   * Adds the messages of a record after one sequence and up to another. Returns false if some of
   * them did not fit.
   */
  add(record: Batch, after: number, through: number): boolean {
    const part = sliceBatch(record, after, through, this.left);
    if (part === undefined) {
      return true;
    }
    if (!this.isEmpty && this.#bytes + part.bytes.length > maxBatchBytes) {
      return false;
    }
    this.#parts.push(part);
    this.#bytes += part.bytes.length;
    this.#count += part.count;
    return part.last === Math.min(record.last, through);
  }

  /** Joins the parts into one batch; undefined if there are none. */
  join(): Batch | undefined {
    return this.isEmpty ? undefined : joinBatches(this.#parts);
  }
}
