import { onAbort } from "../../async/abort.js";
import { withRetry } from "../limits/over-limit.js";
import { addressLoginsWaiting, loginsWaiting } from "./errors.js";

export interface LoginQueueOptions {
  /** How many may wait besides the one that is being checked. Default: 64. */
  readonly maxWaiting?: number;
  /** How many of these may belong to one address. Default: 16. */
  readonly maxWaitingOfAddress?: number;
}

/** Checks passwords one after the other. */
export interface LoginQueue {
  /**
   * Runs the task when it is its turn. Addresses take turns, however many tasks each has. Rejects
   * with `resource_exhausted` if too many wait, or with the signal's reason if that is aborted
   * before the turn comes.
   *
   * @param address whose task it is; undefined or empty: it is unknown, and the limit of one
   * address does not apply
   */
  run<T>(task: () => Promise<T>, signal: AbortSignal, address?: string): Promise<T>;
}

interface Turn {
  /** Its task may run. */
  readonly start: () => void;
  readonly refuse: (reason: unknown) => void;
}

/**
 * One at a time, because hashing a password keeps one of libuv's four threads busy for a third of a
 * second, and the log's commits need the same threads.
 */
export function createLoginQueue({
  maxWaiting = 64,
  maxWaitingOfAddress = 16,
}: LoginQueueOptions = {}): LoginQueue {
  /** The waiting tasks by address; the address whose turn comes next is first. None is empty. */
  const waiting = new Map<string, Turn[]>();
  let count = 0;
  let busy = false;

  /** Makes room for one more task of this address, or throws. */
  function admit(address: string): void {
    const own = waiting.get(address)?.length ?? 0;
    if (address !== "" && own >= maxWaitingOfAddress) {
      throw withRetry(addressLoginsWaiting({ count: own }));
    }
    if (count < maxWaiting) {
      return;
    }
    const full = withRetry(loginsWaiting({ count: maxWaiting }));
    const [most, turns] = [...waiting].reduce((a, b) => (b[1].length > a[1].length ? b : a));
    if (turns.length <= own + 1) {
      throw full;
    }
    // The address with the most tasks gives one up: a few addresses must not keep all others out.
    const last = turns.at(-1)!;
    forget(most, last);
    last.refuse(full);
  }

  function forget(address: string, turn: Turn): void {
    const turns = waiting.get(address);
    const place = turns?.indexOf(turn) ?? -1;
    if (turns === undefined || place < 0) {
      return;
    }
    turns.splice(place, 1);
    count--;
    if (turns.length === 0) {
      waiting.delete(address);
    }
  }

  function wait(address: string, signal: AbortSignal): Promise<void> {
    admit(address);
    return new Promise((resolve, reject) => {
      let unsubscribe = () => {};
      const turn: Turn = {
        start() {
          unsubscribe();
          resolve();
        },
        refuse(reason) {
          unsubscribe();
          reject(reason);
        },
      };
      waiting.set(address, [...(waiting.get(address) ?? []), turn]);
      count++;
      unsubscribe = onAbort(signal, () => {
        forget(address, turn);
        reject(signal.reason);
      });
    });
  }

  /** Passes the turn on. It is never free in between, so nobody can overtake those who wait. */
  function next(): void {
    const [first] = waiting;
    if (first === undefined) {
      busy = false;
      return;
    }
    const [address, turns] = first;
    const turn = turns[0]!;
    forget(address, turn);
    if (waiting.delete(address)) {
      waiting.set(address, turns); // Behind all others.
    }
    turn.start();
  }

  return {
    async run(task, signal, address = "") {
      signal.throwIfAborted();
      if (busy) {
        await wait(address, signal);
      }
      busy = true;
      try {
        return await task();
      } finally {
        next();
      }
    },
  };
}
