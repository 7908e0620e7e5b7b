/**
 * The same iterable with each result mapped. It is no generator, which would be one more between
 * producer and consumer: `return` and `throw` reach the iterator while it waits for a result.
 */
export function mapResults<T>(
  items: AsyncIterable<T>,
  map: (result: IteratorResult<T>) => IteratorResult<T>,
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = items[Symbol.asyncIterator]();
      return {
        next: () => iterator.next().then(map),
        return: (value) =>
          iterator.return?.(value) ?? Promise.resolve({ done: true as const, value }),
        throw: (error) => iterator.throw?.(error) ?? Promise.reject(error),
      };
    },
  };
}
