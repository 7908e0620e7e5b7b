import { Code, type ConnectError } from "@connectrpc/connect";
import { LinkedAbort } from "../../async/abort.js";
import type { ConnectionState, StateListener } from "../connection-state.js";
import { finalCodes, isFromChatter } from "../final-error.js";

/**
 * Resuming is for connections that were live once: if the first one fails, a command says why and
 * ends, as any call does. Otherwise it would silently wait for a wrong URL in a script.
 */
export class FirstConnection {
  readonly #abort: LinkedAbort;
  readonly #next: StateListener;
  #stood = false;
  #failure: ConnectError | undefined;

  /** `next` is called with the states of a connection that was live once. */
  constructor(signal: AbortSignal, next: StateListener) {
    this.#abort = new LinkedAbort(signal);
    this.#next = next;
  }

  /** Aborted when the first connection has failed, and when the given signal is. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  readonly onState = (state: ConnectionState): void => {
    if (state.status === "waiting" && !this.#stood && isMissing(state.reason)) {
      this.#failure ??= state.reason;
      this.#abort.abort(state.reason);
      return;
    }
    this.#stood ||= state.status === "live";
    this.#next(state);
  };

  /** The same messages; ends with the failure of the first connection, if there was one. */
  async *guard<T>(messages: AsyncIterable<T>): AsyncGenerator<T, void> {
    yield* messages;
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
  }

  /** Ends everything that uses its signal. */
  end(): void {
    this.#abort.abort();
  }
}

/**
 * Whether there is no Chatter: no server, or another one that refuses. A renewed token makes it
 * wait too, and so does a limit.
 */
function isMissing(reason: ConnectError): boolean {
  return (
    reason.code === Code.Unavailable || (finalCodes.has(reason.code) && !isFromChatter(reason))
  );
}
