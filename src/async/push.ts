/**
 * Takes an item at once. Returns undefined if it can take another one now, otherwise a promise that
 * resolves when it can; it never rejects.
 *
 * A consumer may pass it to the `next()` of some iterators: while that call waits, what comes is
 * pushed, without a promise for each item, and the call continues to wait. Other iterators ignore
 * it.
 */
export type Push<T> = (item: T) => Promise<void> | undefined;
