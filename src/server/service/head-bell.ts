import type { MessageLog } from "../log/message-log.js";

/** One who follows the log. */
export interface Sleeper {
  /** Whether it wants to be woken. */
  readonly asleep: boolean;
  /** The head may have moved. */
  wake(): void;
  /** The log will not move any more. */
  fail(error: unknown): void;
}

/**
 * Wakes all who follow a log when its head moves: one wait at the log for all of them, in
 * place of one each, with its promise and its listener, for every message.
 */
export class HeadBell {
  readonly #sleepers = new Set<Sleeper>();
  #waiting: AbortController | undefined;

  constructor(private readonly log: MessageLog) {}

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
      () => this.#ring(waiting, (sleeper) => sleeper.wake()),
      (error: unknown) => this.#ring(waiting, (sleeper) => sleeper.fail(error)),
    );
  }

  #ring(waiting: AbortController, tell: (sleeper: Sleeper) => void): void {
    if (this.#waiting !== waiting) {
      return; // All had left; those who have come since have a wait of their own.
    }
    this.#waiting = undefined;
    for (const sleeper of this.#sleepers) {
      if (sleeper.asleep) {
        tell(sleeper);
      }
    }
  }
}
