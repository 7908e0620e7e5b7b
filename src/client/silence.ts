/** A timer cannot be set for longer, in milliseconds: it would run out at once. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Notices when something that is waited for does not come. One timer serves all waits: it
 * is not set anew for each, so a wait costs next to nothing.
 */
export class Silence {
  readonly #limitMs: number;
  readonly #onSilent: () => void;
  #since: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `onSilent` is called when one wait lasts longer than `limitMs`. */
  constructor(limitMs: number, onSilent: () => void) {
    this.#limitMs = limitMs;
    this.#onSilent = onSilent;
  }

  /** Something is waited for from now on, unless it has been already. */
  begin(): void {
    // Not performance.now(), which stands still while a computer sleeps.
    this.#since ??= Date.now();
    if (this.#timer === undefined) {
      this.#watch(this.#limitMs);
    }
  }

  /** It has come; nothing is waited for. */
  end(): void {
    this.#since = undefined;
  }

  /** Watches no more. */
  stop(): void {
    this.#since = undefined;
    clearTimeout(this.#timer);
  }

  #watch(ms: number): void {
    const onTime = () => {
      this.#timer = undefined;
      if (this.#since === undefined) {
        return;
      }
      const left = this.#since + this.#limitMs - Date.now();
      if (left > 0) {
        this.#watch(Math.min(left, this.#limitMs));
      } else {
        this.#since = undefined;
        this.#onSilent();
      }
    };
    this.#timer = setTimeout(onTime, Math.min(ms, longestTimerMs));
  }
}
