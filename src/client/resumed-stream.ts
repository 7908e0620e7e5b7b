import { type CallOptions, ConnectError } from "@connectrpc/connect";
import { LinkedAbort } from "../async/abort.js";
import type { CallSource } from "./call-source.js";
import { type ConnectionState, type StateListener, tellState } from "./connection-state.js";
import { Retry } from "./retry.js";
import { type OpenOptions, watchCall } from "./watched-call.js";

interface ReadingOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onState?: StateListener | undefined;
}

/** The parts of one reading's calls; `closing` ends it. */
export class Reading implements CallSource {
  readonly client: CallSource["client"];
  readonly tokens: CallSource["tokens"];
  readonly tell: StateListener;
  readonly #end: LinkedAbort;
  #outcome: ConnectionState = { status: "closed" };

  constructor({ client, tokens, closing }: CallSource, { signal, onState }: ReadingOptions) {
    this.client = client;
    this.tokens = tokens;
    this.tell = (state) => tellState(onState, state);
    this.#end = new LinkedAbort(closing, signal);
  }

  get closing(): AbortSignal {
    return this.#end.signal;
  }

  /** Returns the error that the reading fails with. */
  failed(error: unknown): unknown {
    if (!this.closing.aborted) {
      this.#outcome = { status: "closed", reason: ConnectError.from(error) };
    }
    return error;
  }

  /** Ends it. */
  close(): void {
    this.#end.abort();
    this.tell(this.#outcome);
  }
}

interface Stream<T> {
  /** Starts a call that continues after the last received message. */
  readonly open: (options: CallOptions) => AsyncIterable<T>;
  /** Whether all requested messages have been received. */
  readonly isDone: () => boolean;
}

/** How long a call may receive nothing before it is considered dead, in milliseconds. */
const silenceLimitMs = 45_000;

/** The messages of a finite stream; when a call breaks, another one continues. */
export async function* resumed<T>(
  { tokens, closing, tell }: Reading,
  { open, isDone }: Stream<T>,
): AsyncGenerator<T, void> {
  const retry = new Retry(tokens, closing, tell);
  for (;;) {
    try {
      const headers = await retry.begin();
      const call = (options: OpenOptions) => open({ headers, ...options });
      for await (const message of watchCall(retry, call, closing, silenceLimitMs)) {
        retry.progressed();
        yield message;
      }
      return;
    } catch (error) {
      if (isDone()) {
        return;
      }
      await retry.afterFailure(error);
    }
  }
}
