/**
 * An iterable that is made when its first item is asked for. Other than a generator with
 * `yield*`, it then holds nothing that its making needed, however long it goes on.
 */
export class LazyIterable<T> implements AsyncIterableIterator<T> {
  private iterator: AsyncIterator<T> | undefined;

  constructor(private make: (() => Promise<AsyncIterable<T>>) | undefined) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T>> {
    const { make } = this;
    if (make) {
      this.make = undefined;
      this.iterator = (await make())[Symbol.asyncIterator]();
    }
    return this.iterator?.next() ?? { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<T>> {
    this.make = undefined;
    return this.iterator?.return?.() ?? { done: true, value: undefined };
  }
}
