import type { MessageLog } from "../log/message-log.js";

/** One who follows the log. */
export interface Sleeper {
  /** Whether it wants to be woken. */
  readonly asleep: boolean;
  /** The sequence of the last message that it has given. */
  readonly after: number;
  /** The head may have moved. */
  wake(): void;
  /** The log will not move any more. */
  fail(error: unknown): void;
}

/**
 * How many are woken in one turn of the event loop. What is written in a turn goes out at
 * its end: so the first have their event while the last are not written to yet, and
 * nothing else has to wait for all of them.
 */
const wokenAtOnce = 250;

/**
 * Wakes all who follow a log when its head moves: one wait at the log for all of them, in
 * place of one each, with its promise and its listener, for every message.
 */
export class HeadBell {
  readonly #sleepers = new Set<Sleeper>();
  #waiting: AbortController | undefined;
  /** Those who are still to be woken. */
  #round: Iterator<Sleeper> | undefined;
  /** Whether the head has moved since the round began. */
  #again = false;

  constructor(private readonly log: MessageLog) {}

  /** For each who follows the log, the sequence of the last message that it has given. */
  *places(): Generator<number> {
    for (const { after } of this.#sleepers) {
      yield after;
    }
  }

  /** Hears from now on; call `leave` in the end. */
  join(sleeper: Sleeper): void {
    this.#sleepers.add(sleeper);
  }

  leave(sleeper: Sleeper): void {
    this.#sleepers.delete(sleeper);
    if (this.#sleepers.size === 0) {
      this.#waiting?.abort();
      this.#waiting = undefined;
    }
  }

  /** Rings when the head is beyond `after`, which it was not a moment ago. */
  ringAfter(after: number): void {
    if (this.#waiting) {
      return;
    }
    const waiting = new AbortController();
    this.#waiting = waiting;
    this.log.wait(after, waiting.signal).then(
      () => this.#rung(waiting) && this.#wakeAll(),
      (error: unknown) => this.#rung(waiting) && this.#failAll(error),
    );
  }

  /** Whether a wait is the one that counts: all may have left, and others come. */
  #rung(waiting: AbortController): boolean {
    const counts = this.#waiting === waiting;
    if (counts) {
      this.#waiting = undefined;
    }
    return counts;
  }

  #wakeAll(): void {
    if (this.#round) {
      this.#again = true;
      return;
    }
    this.#round = this.#sleepers.values();
    this.#wakeSome();
  }

  readonly #wakeSome = () => {
    for (let woken = 0; woken < wokenAtOnce; ) {
      const next = this.#round!.next();
      if (next.done) {
        this.#round = undefined;
        if (this.#again) {
          this.#again = false;
          this.#wakeAll();
        }
        return;
      }
      if (next.value.asleep) {
        next.value.wake();
        woken++;
      }
    }
    setImmediate(this.#wakeSome);
  };

  #failAll(error: unknown): void {
    for (const sleeper of this.#sleepers) {
      if (sleeper.asleep) {
        sleeper.fail(error);
      }
    }
  }
}
