/**
 * Takes an item at once. Returns undefined if it can take another one now, otherwise a promise that
 * resolves when it can; it never rejects.
 *
 * A consumer may pass it to the `next()` of some iterators: while that call waits, what comes is
 * pushed, without a promise for each item, and the call continues to wait. Other iterators ignore
 * it.
 */
export type Push<T> = (item: T) => Promise<void> | undefined;

/** Waits for items without a promise: those that wait for days, by tens of thousands, hold less. */
export interface Sleeper<T> {
  readonly push: Push<T>;
  /** Called when the wait is over, with what `next()` would have resolved or rejected with. */
  wake(result: IteratorResult<T, undefined> | Promise<IteratorResult<T, undefined>>): void;
}

/** An iterator whose consumer may sleep until there is something. */
export interface SleepingIterator<T> extends AsyncIterator<T> {
  /**
   * As `next(push)`; but returns undefined if there is nothing yet. Then the sleeper is pushed what
   * comes, until it is woken.
   */
  nextOrSleep(sleeper: Sleeper<T>): Promise<IteratorResult<T, undefined>> | undefined;
}

/** Whether the consumer of an iterator may sleep. */
export function maySleep<T>(iterator: AsyncIterator<T>): iterator is SleepingIterator<T> {
  return "nextOrSleep" in iterator;
}
