import type { DedupeWindow } from "./dedupe-window.js";
import type { LevelStore } from "./level-store.js";
import type { LogLogger } from "./log-logger.js";

/**
 * Fills the window with the ids that are stored and not too old; ends early when the signal
 * is aborted. What cannot be read is told to the operator and left out: it is no reason to
 * take no messages, as all it can do is to let a repeat in.
 */
export async function loadIds(
  store: LevelStore,
  window: DedupeWindow,
  signal: AbortSignal,
  logger: LogLogger | undefined,
): Promise<void> {
  window.clear();
  const horizon = window.horizon(Date.now());
  let damaged = 0;
  try {
    for await (const records of store.ids()) {
      if (signal.aborted) {
        return;
      }
      for (const record of records) {
        if (record === undefined) {
          damaged++;
        } else if (record.sentAt >= horizon) {
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
