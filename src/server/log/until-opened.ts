import { setTimeout as sleep } from "node:timers/promises";
import { type LogFolder, probeSpace } from "./log-folder.js";
import type { LogLogger } from "./log-logger.js";

/** Waits between attempts: doubled from the first to the last. */
const delaysMs = { first: 100, last: 5000 };

/**
 * Tries `open` until it resolves, and only when there is room on the disk. Resolves with
 * what it gave, or with undefined when the signal is aborted.
 */
export async function untilOpened<T>(
  folder: LogFolder,
  open: () => Promise<T>,
  signal: AbortSignal,
  logger: LogLogger | undefined,
): Promise<T | undefined> {
  let delay = delaysMs.first;
  while (!signal.aborted) {
    try {
      await sleep(delay, undefined, { signal });
      await probeSpace(folder);
      return await open();
    } catch (error) {
      if (!signal.aborted) {
        logger?.warn({ err: error }, "the log cannot be opened again yet");
      }
    }
    delay = Math.min(delay * 2, delaysMs.last);
  }
  return undefined;
}
