import type { CallOptions } from "@connectrpc/connect";
import { LinkedAbort } from "../async/abort.js";
import { InactivityTimer } from "../async/inactivity-timer.js";
import type { CallSource } from "./call-source.js";
import { serverSilent } from "./errors.js";
import { Retry } from "./retry.js";

interface UnaryCall<T> {
  readonly call: (options: CallOptions) => Promise<T>;
  /** Ends the call, which then rejects with the signal's reason. */
  readonly signal: AbortSignal | undefined;
  /** After this many milliseconds without an answer, the call is considered lost and repeated. */
  readonly silenceLimitMs: number;
  /** Called after each failure: returns why the call must not be repeated. Default: it may be. */
  readonly giveUp?: () => Error | undefined;
}

/** Repeats a unary call until it is answered. Rejects with a final error. */
export async function untilAnswered<T>(
  source: CallSource,
  { call, signal, silenceLimitMs, giveUp }: UnaryCall<T>,
): Promise<T> {
  const end = new LinkedAbort(source.closing, signal);
  const retry = new Retry(source.tokens, end.signal, () => {});
  try {
    for (;;) {
      const attempt = new LinkedAbort(end.signal);
      const inactivity = new InactivityTimer(silenceLimitMs, () => {
        attempt.abort(serverSilent({ seconds: silenceLimitMs / 1000 }));
        source.dropConnection();
      });
      try {
        const headers = await retry.begin();
        inactivity.begin();
        return await call({ headers, signal: attempt.signal });
      } catch (error) {
        inactivity.stop();
        await retry.afterFailure(attempt.signal.aborted ? attempt.signal.reason : error);
      } finally {
        inactivity.stop();
        attempt.abort();
      }
      const reason = giveUp?.();
      if (reason) {
        throw reason;
      }
    }
  } finally {
    end.abort();
  }
}
