import { LinkedAbort } from "../async/abort.js";
import { InactivityTimer } from "../async/inactivity-timer.js";
import type { CallSource } from "./call-source.js";
import { serverSilent } from "./errors.js";

/**
 * The messages of one call. It ends when its reader leaves, with the reason of `end` when that is
 * aborted, and with `unavailable` when a message takes longer than `silenceLimitMs`: a connection
 * can die silently. A slow reader does not count as silence.
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
  const inactivity = new InactivityTimer(silenceLimitMs, () => {
    call.abort(serverSilent({ seconds: silenceLimitMs / 1000 }));
    source.dropConnection();
  });
  try {
    const messages = open(call.signal)[Symbol.asyncIterator]();
    for (;;) {
      inactivity.begin();
      const { done, value } = await messages.next();
      inactivity.end();
      if (done) {
        return;
      }
      yield value;
    }
  } catch (error) {
    throw call.signal.aborted ? call.signal.reason : error;
  } finally {
    inactivity.stop();
    call.abort();
  }
}
