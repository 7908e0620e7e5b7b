import { elapsedMs, type Moment, now } from "./elapsed-time.js";
import { maxTimerMs } from "./max-timer.js";

/**
 * Notices when something that is awaited does not come. One timer serves all waits: it is not set
 * again for each, so a wait costs next to nothing.
 */
export class InactivityTimer {
  readonly #limitMs: number;
  readonly #onInactive: () => void;
  #since: Moment | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `onInactive` is called when one wait lasts longer than `limitMs`. */
  constructor(limitMs: number, onInactive: () => void) {
    this.#limitMs = limitMs;
    this.#onInactive = onInactive;
  }

  /** Begins a wait, unless one has already begun. */
  begin(): void {
    this.#since ??= now();
    if (this.#timer === undefined) {
      this.#arm(this.#limitMs);
    }
  }

  /** It has come; the wait is over. */
  end(): void {
    this.#since = undefined;
  }

  /** Stops the timer. */
  stop(): void {
    this.#since = undefined;
    clearTimeout(this.#timer);
  }

  #arm(ms: number): void {
    const onTime = () => {
      this.#timer = undefined;
      if (this.#since === undefined) {
        return;
      }
      const left = this.#limitMs - elapsedMs(this.#since);
      if (left > 0) {
        this.#arm(left);
      } else {
        this.#since = undefined;
        this.#onInactive();
      }
    };
    this.#timer = setTimeout(onTime, Math.min(ms, maxTimerMs));
  }
}
