import { lowerBound } from "../../../../util/lower-bound.js";
import type { Back } from "../../../core/tail-cache.js";

/** Counts back over the messages of a record after one sequence, up to another. */
export function overRecord(
  count: number,
  first: number,
  last: number,
  after: number,
  through: number,
): Back {
  const end = Math.min(last, through);
  const found = Math.max(0, end - Math.max(first - 1, after));
  return found >= count ? { before: end - count } : { left: count - found };
}

/**
 * The records of some rooms in a segment, in the order of the log: for each, its position in the
 * file, its last sequence and its number of messages, which are consecutive.
 *
 * The list also has the ranges of messages that are lost, or so damaged that their room is unknown:
 * every reader that reaches such a range must be notified, whatever rooms it reads.
 */
export class PostingList {
  readonly #positions: number[] = [];
  readonly #lasts: number[] = [];
  /** Negative: the messages are lost. */
  readonly #counts: number[] = [];

  get length(): number {
    return this.#positions.length;
  }

  /** Approximate size in memory, in bytes. */
  get bytes(): number {
    return 128 + 24 * this.length;
  }

  add(position: number, last: number, count: number, isLost: boolean): void {
    this.#positions.push(position);
    this.#lasts.push(last);
    this.#counts.push(isLost ? -count : count);
  }

  position(index: number): number {
    return this.#positions[index]!;
  }

  first(index: number): number {
    return this.#lasts[index]! - this.count(index) + 1;
  }

  last(index: number): number {
    return this.#lasts[index]!;
  }

  count(index: number): number {
    return Math.abs(this.#counts[index]!);
  }

  isLost(index: number): boolean {
    return this.#counts[index]! < 0;
  }

  /** The index of the first posting that has messages after a sequence; `length` if none has. */
  indexAfter(sequence: number): number {
    return lowerBound(0, this.length, (i) => this.#lasts[i]! > sequence);
  }

  /** Counts back from `through` over `count` messages, no further than `after`. */
  back(count: number, after: number, through: number): Back {
    let back: Back = { left: count };
    for (let i = Math.min(this.indexAfter(through - 1), this.length - 1); i >= 0; i--) {
      if (this.last(i) <= after) {
        break;
      }
      if (!this.isLost(i)) {
        back = overRecord(back.left, this.first(i), this.last(i), after, through);
        if ("before" in back) {
          return back;
        }
      }
    }
    return back;
  }

  /** The same postings in the order of the log, if several lists were concatenated. */
  sorted(): PostingList {
    // Position and index are combined in one number, so that sorting needs no comparison function.
    // A lost range has the position of the record after it.
    const keys = new Float64Array(this.length);
    for (let i = 0; i < keys.length; i++) {
      keys[i] = (this.#positions[i]! * 2 + (this.isLost(i) ? 0 : 1)) * indexScale + i;
    }
    keys.sort();
    const sorted = new PostingList();
    for (const key of keys) {
      const i = key % indexScale;
      sorted.add(this.#positions[i]!, this.#lasts[i]!, this.count(i), this.isLost(i));
    }
    return sorted;
  }
}

/** Larger than any index of a posting: positions have 32 bits, and a number holds 53. */
const indexScale = 2 ** 20;
