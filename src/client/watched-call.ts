import { Attempt } from "./attempt.js";
import type { Retry } from "./retry.js";

/** What opens a call. */
export interface OpenOptions {
  readonly signal: AbortSignal;
  /** Must be called when the server has accepted the call. */
  readonly onHeader: () => void;
}

/**
 * The messages of one call. It ends when its reader leaves, with the reason of `end` when that is
 * aborted, and with `unavailable` when a message takes longer than `silenceLimitMs`: a connection
 * can die silently. A slow reader does not count as silence.
 *
 * @param open makes the call
 */
export async function* watchCall<T>(
  retry: Retry,
  open: (options: OpenOptions) => AsyncIterable<T>,
  end: AbortSignal,
  silenceLimitMs: number,
): AsyncGenerator<T, void> {
  const attempt = new Attempt(retry, end, silenceLimitMs);
  try {
    const { signal } = attempt;
    const messages = open({ signal, onHeader: () => attempt.accepted() })[Symbol.asyncIterator]();
    for (;;) {
      attempt.expect();
      const { done, value } = await messages.next();
      attempt.answered();
      if (done) {
        return;
      }
      yield value;
    }
  } catch (error) {
    throw attempt.reasonOf(error);
  } finally {
    attempt.close();
  }
}
