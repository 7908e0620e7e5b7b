import type { CallOptions } from "@connectrpc/connect";
import type { CallSource } from "./call-source.js";
import type { StateListener } from "./connection-state.js";
import { Retry } from "./retry.js";
import { watchCall } from "./watched-call.js";

/** The parts of one reading's calls; `closing` ends it. */
export interface Reading extends CallSource {
  readonly tell: StateListener;
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
  source: Reading,
  { open, isDone }: Stream<T>,
): AsyncGenerator<T, void> {
  const { tokens, closing, tell } = source;
  const retry = new Retry(tokens, closing, tell);
  for (;;) {
    try {
      const headers = await retry.begin();
      const call = (signal: AbortSignal) => open({ headers, signal });
      for await (const message of watchCall(source, call, closing, silenceLimitMs)) {
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
