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

/**
 * Stored messages after a sequence, then what is added, until the signal. The place in the
 * log is all that is held: a slow taker is behind, not buffered.
 *
 * @param idleMs how long nothing may come before `undefined` is given instead; 0: never
 */
export async function* follow(
  log: MessageLog,
  from: number,
  idleMs: number,
  signal: AbortSignal,
): AsyncGenerator<Batch | undefined> {
  let after = from;
  for (;;) {
    signal.throwIfAborted();
    let batch = log.read(after, { signal });
    if (batch instanceof Promise) {
      batch = await batch;
    }
    if (batch) {
      yield batch;
      after = batch.last;
    } else if (idleMs === 0) {
      await log.wait(after, signal);
    } else if (!(await waitAtMost(log, after, idleMs, signal))) {
      yield undefined;
    }
  }
}

/** Waits for what follows `after`; false if nothing came in time. */
async function waitAtMost(
  log: MessageLog,
  after: number,
  ms: number,
  signal: AbortSignal,
): Promise<boolean> {
  const idle = new AbortController();
  const onAbort = () => idle.abort(signal.reason);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    idle.abort();
  }, ms);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await log.wait(after, idle.signal);
    return true;
  } catch (error) {
    if (timedOut && !signal.aborted) {
      return false;
    }
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
