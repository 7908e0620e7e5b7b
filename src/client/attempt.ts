import { LinkedAbort } from "../async/abort.js";
import { InactivityTimer } from "../async/inactivity-timer.js";
import type { Retry } from "./retry.js";
import { silenceOf } from "./silence.js";

/** One of the calls of a `Retry`. It is ended with `unavailable` when the server is silent. */
export class Attempt {
  readonly #call: LinkedAbort;
  readonly #retry: Retry;
  readonly #limitMs: number;
  #silence: InactivityTimer;
  #isAccepted = false;

  /**
   * @param end ends the call, with its reason
   * @param limitMs how long the server may be silent while an answer is due. If it was so before,
   * it gets less time to accept the call
   * @param waitMs the part of this that the server itself waits
   */
  constructor(retry: Retry, end: AbortSignal, limitMs: number, waitMs = 0) {
    this.#call = new LinkedAbort(end);
    this.#retry = retry;
    this.#limitMs = limitMs;
    this.#silence = this.#watch(retry.patienceMs(limitMs, waitMs));
  }

  /** Ends the call. */
  get signal(): AbortSignal {
    return this.#call.signal;
  }

  /** An answer is due from now on, unless one is due already. */
  expect(): void {
    this.#silence.begin();
  }

  /** The server has accepted the call; an answer may still be due. */
  accepted(): void {
    if (!this.#isAccepted) {
      this.#isAccepted = true;
      this.#retry.heard();
      this.#silence.stop();
      this.#silence = this.#watch(this.#limitMs);
      this.#silence.begin();
    }
  }

  /** The answer has come. */
  answered(): void {
    this.accepted();
    this.#silence.end();
  }

  /** Why the call has failed: if it was ended, not by what that has caused. */
  reasonOf(error: unknown): unknown {
    return this.signal.aborted ? this.signal.reason : error;
  }

  /** Ends the call, if it has not ended. */
  close(): void {
    this.#silence.stop();
    this.#call.abort();
  }

  #watch(limitMs: number): InactivityTimer {
    return new InactivityTimer(limitMs, () => this.#call.abort(silenceOf(limitMs)));
  }
}
