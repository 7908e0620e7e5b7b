import { FairQueue } from "../../../async/fair-queue.js";

/**
 * Maximum number of concurrent reads from the disk, of all calls. Commits use the same four threads
 * of Node, and each batch occupies the event loop for a moment.
 */
const maxReading = 8;
/** Maximum number of reads from memory in one turn of the event loop. */
const memoryReadsAtOnce = 16;

/**
 * Reads older messages of the log, a few at a time, in turns by user: a user who reads by hundreds
 * of streams delays neither posts nor the reads of other users for long.
 */
export class ReadTurns {
  readonly #waiting = new FairQueue<() => boolean>();
  #reading = 0;
  #turn: NodeJS.Immediate | undefined;

  /**
   * Reads, now if there is a free place, else in turn. A read from memory resolves at once if there
   * is a place.
   *
   * @param read returns its result, or a promise of it, with all that has to be done before the
   *   next read
   */
  run<T>(user: string, read: () => T | Promise<T>): T | Promise<T> {
    if (this.#reading < maxReading && this.#waiting.size === 0) {
      const found = read();
      return found instanceof Promise ? this.#count(found) : found;
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push(user, () => {
        try {
          const found = read();
          resolve(found instanceof Promise ? this.#count(found) : found);
          return found instanceof Promise;
        } catch (error) {
          reject(error);
          return false;
        }
      });
    });
  }

  #count<T>(found: Promise<T>): Promise<T> {
    this.#reading++;
    return found.finally(() => {
      this.#reading--;
      this.#goOn();
    });
  }

  readonly #goOn = () => {
    this.#turn = undefined;
    for (let inMemory = 0; this.#reading < maxReading && inMemory < memoryReadsAtOnce; ) {
      const read = this.#waiting.take();
      if (read === undefined) {
        return;
      }
      inMemory += read() ? 0 : 1;
    }
    if (this.#reading < maxReading) {
      this.#turn ??= setImmediate(this.#goOn);
    }
  };
}
