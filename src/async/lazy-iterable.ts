/**
 * An iterable that is created when its first item is requested. Unlike a generator with `yield*`,
 * it then keeps nothing that was needed to create it, however long it lasts.
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
