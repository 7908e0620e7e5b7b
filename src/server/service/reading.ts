import type { Batch, MessageLog } from "../log/message-log.js";

/** What to read of the log. */
export interface Range {
  /** Start after this sequence. */
  readonly after: number;
  /** Read no further than this sequence. */
  readonly through: number;
  /** At most so many messages; 0 means all. */
  readonly limit: number;
}

/** Stored messages of a range, batch by batch, as fast as the taker takes them. */
export async function* readRange(
  log: MessageLog,
  range: Range,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  let { after } = range;
  let left = range.limit === 0 ? Number.POSITIVE_INFINITY : range.limit;
  while (after < range.through && left > 0) {
    signal.throwIfAborted();
    const limit = Number.isFinite(left) ? left : undefined;
    const batch = await log.read(after, { through: range.through, limit, signal });
    if (!batch) {
      return;
    }
    yield batch;
    after = batch.last;
    left -= batch.count;
  }
}
