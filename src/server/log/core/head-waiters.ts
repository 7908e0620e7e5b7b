import { onAbort } from "../../../async/abort.js";
import { closedError } from "../errors.js";
import type { HeadListener, RoomRange } from "../message-log.js";

interface Waiter {
  readonly after: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Readers that wait once for the head to move, and listeners that are called each time it does. */
export class HeadWaiters {
  readonly #waiting = new Set<Waiter>();
  readonly #listeners = new Set<HeadListener>();
  #closed = false;

  /** The number of waiting readers. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Resolves at once if `head` is beyond `after`, else when `wake` is called with a head that is.
   * Rejects with the signal's reason, and with `unavailable` when the log closes.
   */
  wait(after: number, head: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) {
      return Promise.reject(signal.reason);
    }
    if (head > after) {
      return Promise.resolve();
    }
    if (this.#closed) {
      return Promise.reject(closedError());
    }
    return new Promise((resolve, reject) => {
      let unsubscribe = () => {};
      const leave = () => {
        this.#waiting.delete(waiter);
        unsubscribe();
      };
      const waiter: Waiter = {
        after,
        resolve: () => {
          leave();
          resolve();
        },
        reject: (reason) => {
          leave();
          reject(reason);
        },
      };
      this.#waiting.add(waiter);
      unsubscribe = onAbort(signal, () => waiter.reject(signal.reason));
    });
  }

  /** See `MessageLog.listen`. */
  listen(listener: HeadListener): () => void {
    if (this.#closed) {
      listener.closed(closedError());
      return () => {};
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Wakes all readers that wait for a head up to `head`.
   *
   * @param ranges the added messages; undefined if they are unknown
   */
  wake(head: number, ranges: readonly RoomRange[] | undefined): void {
    for (const listener of this.#listeners) {
      listener.moved(ranges);
    }
    for (const waiter of this.#waiting) {
      if (waiter.after < head) {
        waiter.resolve();
      }
    }
  }

  /** Rejects all waiting and future readers. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiting) {
      waiter.reject(closedError());
    }
    for (const listener of this.#listeners) {
      listener.closed(closedError());
    }
    this.#listeners.clear();
  }
}
