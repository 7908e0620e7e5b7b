import { onAbort } from "./abort.js";

/** Limits how many tasks run at the same time; others wait in order. */
export class Semaphore {
  readonly #most: number;
  readonly #waiting = new Set<() => void>();
  #inFlight = 0;

  /** @param most maximum number of tasks at the same time, 1 or more */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Runs `task` when there is room. Rejects with the signal's reason if that is aborted
   * before, and as `task` does.
   */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#inFlight < this.#most) {
      this.#inFlight++;
    } else {
      await this.#turn(signal);
    }
    try {
      return await task();
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) {
        this.#inFlight--;
      } else {
        next(); // It continues in the place of this one.
      }
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      let unsubscribe = () => {};
      const take = () => {
        this.#waiting.delete(take);
        unsubscribe();
        resolve();
      };
      this.#waiting.add(take);
      unsubscribe = onAbort(signal, () => {
        this.#waiting.delete(take);
        reject(signal?.reason);
      });
    });
  }
}
