import { closedError } from "./log-errors.js";

interface Waiter {
  readonly after: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Those who wait for the head to move: a place in a set each, and nothing else. */
export class Waiters {
  readonly #waiting = new Set<Waiter>();
  #closed = false;

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Resolves at once if `head` is beyond `after`, else when `wake` is called with one that
   * is; rejects with the signal's reason, and with `unavailable` when the log closes.
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
      const leave = () => {
        this.#waiting.delete(waiter);
        signal.removeEventListener("abort", abort);
      };
      const abort = () => waiter.reject(signal.reason);
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
      signal.addEventListener("abort", abort, { once: true });
    });
  }

  /** Wakes all who wait for less than `head`. */
  wake(head: number): void {
    for (const waiter of this.#waiting) {
      if (waiter.after < head) {
        waiter.resolve();
      }
    }
  }

  /** Turns away all who wait, and all who come. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiting) {
      waiter.reject(closedError());
    }
  }
}
