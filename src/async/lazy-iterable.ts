/**
 * An iterable that is made when its first item is asked for. Other than a generator with
 * `yield*`, it then holds nothing that its making needed, however long it goes on.
 */
export class LazyIterable<T> implements AsyncIterableIterator<T> {
  #iterator: AsyncIterator<T> | undefined;
  #make: (() => Promise<AsyncIterable<T>>) | undefined;

  constructor(make: (() => Promise<AsyncIterable<T>>) | undefined) {
    this.#make = make;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T>> {
    const make = this.#make;
    if (make) {
      this.#make = undefined;
      this.#iterator = (await make())[Symbol.asyncIterator]();
    }
    return this.#iterator?.next() ?? { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<T>> {
    this.#make = undefined;
    return this.#iterator?.return?.() ?? { done: true, value: undefined };
  }
}
