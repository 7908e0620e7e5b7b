import { overLimit } from "../limits/over-limit.js";

export interface LoginQueueOptions {
  /** How many may wait besides the one that is being checked. Default: 64. */
  readonly maxWaiting?: number;
}

/** Checks passwords one after the other. */
export interface LoginQueue {
  /**
   * Runs the task when it is its turn. Rejects with `resource_exhausted` if too many wait,
   * with the signal's reason if that is aborted before the turn comes.
   */
  run<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

/**
 * One at a time, because a password's hash keeps one of libuv's four threads busy for a
 * third of a second, and the log's commits need the same threads.
 */
export function createLoginQueue({ maxWaiting = 64 }: LoginQueueOptions = {}): LoginQueue {
  const waiting = new Set<() => void>();
  let busy = false;

  function turn(signal: AbortSignal): Promise<void> {
    if (waiting.size >= maxWaiting) {
      throw overLimit(`${maxWaiting} logins are waiting already: try again later`);
    }
    return new Promise((resolve, reject) => {
      const start = () => {
        waiting.delete(start);
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        waiting.delete(start);
        reject(signal.reason);
      };
      waiting.add(start);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  return {
    async run(task, signal) {
      signal.throwIfAborted();
      if (busy) {
        await turn(signal);
      }
      busy = true;
      try {
        return await task();
      } finally {
        // The turn is handed on, never free in between: nobody can slip past who waits.
        const [next] = waiting;
        if (next) {
          next();
        } else {
          busy = false;
        }
      }
    },
  };
}
