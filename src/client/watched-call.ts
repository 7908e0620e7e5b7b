import { Code, ConnectError } from "@connectrpc/connect";
import { LinkedAbort } from "./abort.js";
import type { CallSource } from "./call-source.js";
import { Silence } from "./silence.js";

/**
 * The messages of one call. It ends when its reader leaves, with the reason of `end` when
 * that is aborted, and with `unavailable` when a message is waited for longer than
 * `silenceLimitMs`: a connection can die without a word. A slow reader is no silence.
 *
 * @param open makes the call
 */
export async function* watchCall<T>(
  source: CallSource,
  open: (signal: AbortSignal) => AsyncIterable<T>,
  end: AbortSignal,
  silenceLimitMs: number,
): AsyncGenerator<T, void> {
  const call = new LinkedAbort(end);
  const silence = new Silence(silenceLimitMs, () => {
    call.abort(silent(silenceLimitMs));
    source.dropConnection();
  });
  try {
    const messages = open(call.signal)[Symbol.asyncIterator]();
    for (;;) {
      silence.begin();
      const { done, value } = await messages.next();
      silence.end();
      if (done) {
        return;
      }
      yield value;
    }
  } catch (error) {
    throw call.signal.aborted ? call.signal.reason : error;
  } finally {
    silence.stop();
    call.abort();
  }
}

/** The error of a call that is given up since nothing came. */
export function silent(ms: number): ConnectError {
  return new ConnectError(`the server has been silent for ${ms / 1000} s`, Code.Unavailable);
}
