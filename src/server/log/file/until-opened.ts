import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../../util/logger.js";

/**
 * Waits between attempts, in milliseconds: each is twice as long as the one before, up to the last.
 */
const delaysMs = { first: 100, last: 5000 };

/**
 * Tries `open` until it resolves. Resolves with its result, or with undefined when the signal is
 * aborted. Logs why it fails, once for each reason.
 */
export async function untilOpened<T>(
  open: () => Promise<T>,
  signal: AbortSignal,
  logger: Logger | undefined,
): Promise<T | undefined> {
  let delay = delaysMs.first;
  let reported = "";
  while (!signal.aborted) {
    try {
      await sleep(delay, undefined, { signal });
      return await open();
    } catch (error) {
      const { message } = error as Error;
      if (!signal.aborted && message !== reported) {
        reported = message;
        logger?.warn({ err: error }, "the log cannot be opened again yet");
      }
    }
    delay = Math.min(delay * 2, delaysMs.last);
  }
  return undefined;
}
