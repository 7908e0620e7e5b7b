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

/** What to follow of the log, and what to give of it. */
export interface Following<T> {
  /** Start after this sequence. */
  readonly after: number;
  /** How long nothing may come before `ofIdle` is given, in milliseconds; 0: never. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
  ofBatch(batch: Batch): T;
  /** @param last the sequence of the last message that was given */
  ofIdle(last: number): T;
}

/**
 * Stored messages after a sequence, then what is added, until the signal. The place in the
 * log is all that is held: a slow taker is behind, not buffered.
 */
export function follow<T>(log: MessageLog, following: Following<T>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => new Follower(log, following) };
}

/**
 * No generator: there is one for each subscriber, and each event goes through all of them.
 * In generators the promises between `log.wait` and `yield` cost more than all the rest.
 */
class Follower<T> implements AsyncIterator<T> {
  private after: number;
  private ended = false;

  constructor(
    private readonly log: MessageLog,
    private readonly following: Following<T>,
  ) {
    this.after = following.after;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.ended) {
      return Promise.resolve({ done: true, value: undefined });
    }
    try {
      const found = this.read();
      return found instanceof Promise ? found : Promise.resolve(found);
    } catch (error) {
      this.ended = true;
      return Promise.reject(error);
    }
  }

  return(): Promise<IteratorResult<T>> {
    this.ended = true;
    return Promise.resolve({ done: true, value: undefined });
  }

  private readonly read = (): IteratorResult<T> | Promise<IteratorResult<T>> => {
    this.following.signal.throwIfAborted();
    const batch = this.log.read(this.after, this.following);
    return batch instanceof Promise ? batch.then(this.take) : this.take(batch);
  };

  private readonly take = (
    batch: Batch | undefined,
  ): IteratorResult<T> | Promise<IteratorResult<T>> => {
    if (batch) {
      this.after = batch.last;
      return { done: false, value: this.following.ofBatch(batch) };
    }
    const { idleMs, signal } = this.following;
    if (idleMs === 0) {
      return this.log.wait(this.after, signal).then(this.read);
    }
    return waitAtMost(this.log, this.after, idleMs, signal).then((came) =>
      came ? this.read() : { done: false, value: this.following.ofIdle(this.after) },
    );
  };
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
