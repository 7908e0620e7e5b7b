import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { pause } from "../async/abort.js";
import { RetryInfoSchema } from "../gen/google/rpc/retry_info_pb.js";
import { backoffMs } from "./backoff.js";
import type { StateListener } from "./connection-state.js";
import { isFinal } from "./final-error.js";
import { isSilence } from "./silence.js";
import type { TokenSource } from "./token-source.js";

/** How long a call may take to be accepted after one that got no answer, in milliseconds. */
const firstPatienceMs = 250;

/** The state that the calls of one subscription, publisher or history share. */
export class Retry {
  readonly #tokens: TokenSource;
  readonly #signal: AbortSignal;
  readonly #onState: StateListener;
  #token: string | undefined;
  #isLive = false;
  #wasLive = false;
  #failures = 0;
  /** How many calls in a row the server has left without an answer. */
  #silences = 0;
  /** How often in a row Chatter has refused the token, and how often another server may have. */
  #refusals = 0;
  #doubts = 0;

  /** Aborting `signal` ends every wait, with its reason. */
  constructor(tokens: TokenSource, signal: AbortSignal, onState: StateListener) {
    this.#tokens = tokens;
    this.#signal = signal;
    this.#onState = onState;
  }

  /** Begins a call: resolves to its headers. */
  async begin(): Promise<{ readonly authorization: string }> {
    this.#token = undefined;
    this.#isLive = false;
    this.#onState({ status: "connecting" });
    this.#token = await this.#tokens.get(this.#signal);
    return { authorization: `Bearer ${this.#token}` };
  }

  /** The server has accepted the call. */
  accepted(): void {
    if (!this.#isLive) {
      this.#isLive = true;
      this.#wasLive = true;
      this.#refusals = 0;
      this.#doubts = 0;
      this.#onState({ status: "live" });
    }
  }

  /**
   * The call has brought something. Only this resets the pauses: a server that accepts calls and
   * drops them must not be flooded.
   */
  progressed(): void {
    this.accepted();
    this.#failures = 0;
  }

  /**
   * How long the next call may wait to be accepted. After a silence that is a quarter of a second,
   * and twice as long after each further one: if a proxy gives a part of the calls to a server that
   * hangs, none of them must cost the whole limit again; a slow server is given time in the end.
   *
   * @param limitMs the most, and the time before there was a silence
   * @param waitMs the part of this that the server itself waits
   */
  patienceMs(limitMs: number, waitMs: number): number {
    return this.#silences === 0
      ? limitMs
      : Math.min(limitMs, waitMs + firstPatienceMs * 2 ** (this.#silences - 1));
  }

  /** The server is not silent. */
  heard(): void {
    this.#silences = 0;
  }

  /**
   * The call has failed: resolves when it is time for the next one. Rejects with the error if it is
   * final, and with the signal's reason.
   */
  async afterFailure(cause: unknown): Promise<void> {
    this.#signal.throwIfAborted();
    const reason = ConnectError.from(cause);
    if (!this.#mayTryAgain(reason)) {
      throw reason;
    }
    const isSilent = isSilence(reason);
    this.#silences += isSilent ? 1 : 0;
    // A silence was a pause in itself.
    const delayMs = backoffMs(isSilent ? 1 : ++this.#failures) + askedDelayMs(reason);
    this.#onState({ status: "waiting", reason, delayMs });
    await pause(delayMs, this.#signal);
  }

  #mayTryAgain(reason: ConnectError): boolean {
    const isLast = isFinal(reason, this.#wasLive);
    // If no call was made, Login itself has refused.
    if (reason.code !== Code.Unauthenticated || this.#token === undefined) {
      return !isLast;
    }
    if (!isLast && ++this.#doubts > 1) {
      return true; // A proxy may be refusing the tokens: then they are not blamed again and again.
    }
    const { mayRenew, isOver } = this.#tokens.refuse(this.#token);
    // Once in a row; a token that expired on its way says nothing.
    return !isLast || (mayRenew && (isOver || ++this.#refusals === 1));
  }
}

/** Maximum wait, whatever a server asks for, in milliseconds. */
const longestAskedMs = 600_000;

/** How long the server asks to wait, in milliseconds. */
function askedDelayMs(error: ConnectError): number {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay ? Math.min(Math.max(0, durationMs(delay)), longestAskedMs) : 0;
}
