/**
 * The same iterable with each result mapped, and its error, if there is an `onError`, which throws
 * another. It is no generator, which would be one more between
 * producer and consumer: `return` and `throw` reach the iterator while it waits for a result.
 */
export function mapResults<T>(
  items: AsyncIterable<T>,
  map: (result: IteratorResult<T>) => IteratorResult<T>,
  onError?: (error: unknown) => never,
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = items[Symbol.asyncIterator]();
      return {
        next: () => iterator.next().then(map, onError),
        return: (value) =>
          iterator.return?.(value) ?? Promise.resolve({ done: true as const, value }),
        throw: (error) => iterator.throw?.(error) ?? Promise.reject(error),
      };
    },
  };
}
