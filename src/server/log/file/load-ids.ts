import type { Logger } from "../../util/logger.js";
import type { DedupeWindow } from "../core/dedupe-window.js";
import type { LogClock } from "../core/log-clock.js";
import type { FileStore } from "./file-store.js";

/**
 * Fills the window with the stored ids that are not too old; ends early when the signal is aborted.
 * What cannot be read is reported to the operator and left out: the log still accepts messages,
 * because the worst that can happen is that a repeat is stored again.
 */
export async function loadIds(
  store: FileStore,
  window: DedupeWindow,
  clock: LogClock,
  signal: AbortSignal,
  logger: Logger | undefined,
): Promise<void> {
  window.clear();
  const notBefore = window.horizon(clock.nowFor(window.windowMs));
  let damaged = 0;
  try {
    for await (const records of store.ids({ notBefore, maxIds: window.capacity })) {
      if (signal.aborted) {
        return;
      }
      for (const record of records) {
        if (record === undefined) {
          damaged++;
        } else if (record.sentAt >= notBefore) {
          for (const { hashed, sequence } of record.ids) {
            window.add(hashed, sequence, record.sentAt);
          }
        }
      }
    }
  } catch (error) {
    logger?.error({ err: error }, "message ids cannot be read: repeats may be stored again");
  }
  if (damaged > 0) {
    logger?.error({ damaged }, "records of message ids are damaged: repeats may be stored again");
  }
}
