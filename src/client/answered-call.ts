import type { CallOptions } from "@connectrpc/connect";
import { LinkedAbort } from "../async/abort.js";
import { Attempt } from "./attempt.js";
import type { CallSource } from "./call-source.js";
import { Retry } from "./retry.js";

interface UnaryCall<T> {
  readonly call: (options: CallOptions) => Promise<T>;
  /** Ends the call, which then rejects with the signal's reason. */
  readonly signal: AbortSignal | undefined;
  /** After this many milliseconds without an answer, the call is considered lost and repeated. */
  readonly silenceLimitMs: number;
  /** The part of this that the server itself may wait. Default: 0. */
  readonly waitMs?: number;
  /** Called after each failure: returns why the call must not be repeated. Default: it may be. */
  readonly giveUp?: () => Error | undefined;
}

/** Repeats a unary call until it is answered. Rejects with a final error. */
export async function untilAnswered<T>(
  source: CallSource,
  { call, signal, silenceLimitMs, waitMs, giveUp }: UnaryCall<T>,
): Promise<T> {
  const end = new LinkedAbort(source.closing, signal);
  const retry = new Retry(source.tokens, end.signal, () => {});
  try {
    for (;;) {
      const attempt = new Attempt(retry, end.signal, silenceLimitMs, waitMs);
      try {
        const headers = await retry.begin();
        attempt.expect();
        return await call({ headers, signal: attempt.signal });
      } catch (error) {
        const reason = attempt.reasonOf(error);
        attempt.close();
        await retry.afterFailure(reason);
      } finally {
        attempt.close();
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
