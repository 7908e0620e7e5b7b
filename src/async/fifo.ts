/** First in, first out, with cheap ends however long it is. */
export class Fifo<T> implements Iterable<T> {
  #items: (T | undefined)[] = [];
  #start = 0;

  get length(): number {
    return this.#items.length - this.#start;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#start];
    if (this.#start < this.#items.length) {
      this.#items[this.#start++] = undefined;
    }
    if (this.#start > 1024 && this.#start * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#start);
      this.#start = 0;
    }
    return item;
  }

  /** The item this many places behind the first. */
  at(index: number): T | undefined {
    return this.#items[this.#start + index];
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = this.#start; i < this.#items.length; i++) {
      yield this.#items[i] as T;
    }
  }
}
