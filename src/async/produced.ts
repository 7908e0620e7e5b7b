/**
 * Passes a value to the consumer. Returns a promise if the consumer is busy: it resolves when the
 * consumer takes the value, and rejects when the consumer has left.
 */
export type Put<T> = (value: T) => Promise<void> | undefined;

interface Settling<T> {
  resolve(value: T): void;
  reject(reason: unknown): void;
}

/**
 * The values that a function puts, and its error. It begins when the first value is requested. This
 * does what an async generator does, which takes several times as long for each value.
 *
 * @param run must await what `put` returns before it puts the next value
 * @param left the error that ends `run` when the consumer has left
 */
export function produced<T>(
  run: (put: Put<T>) => Promise<void>,
  left: () => unknown,
): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => new Produced(run, left) };
}

class Produced<T> implements AsyncIterator<T> {
  readonly #run: (put: Put<T>) => Promise<void>;
  readonly #left: () => unknown;
  #isStarted = false;
  /** The consumer, while it waits. */
  #consumer: Settling<IteratorResult<T>> | undefined;
  /** A value that waits for the consumer, and the producer that waits with it. */
  #waiting: { readonly value: T; readonly producer: Settling<void> } | undefined;
  #end: { error?: unknown } | undefined;
  #hasLeft = false;

  constructor(run: (put: Put<T>) => Promise<void>, left: () => unknown) {
    this.#run = run;
    this.#left = left;
  }

  next(): Promise<IteratorResult<T>> {
    const waiting = this.#waiting;
    if (waiting) {
      this.#waiting = undefined;
      waiting.producer.resolve();
      return Promise.resolve({ done: false, value: waiting.value });
    }
    if (this.#end) {
      const { error } = this.#end;
      const fails = "error" in this.#end;
      this.#end = {};
      return fails ? Promise.reject(error) : Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve, reject) => {
      this.#consumer = { resolve, reject };
      if (!this.#isStarted) {
        this.#isStarted = true;
        this.#run(this.#put).then(
          () => this.#finish({}),
          (error: unknown) => this.#finish({ error }),
        );
      }
    });
  }

  async return(): Promise<IteratorResult<T>> {
    this.#hasLeft = true;
    this.#finish({});
    this.#waiting?.producer.reject(this.#left());
    this.#waiting = undefined;
    return { done: true, value: undefined };
  }

  readonly #put = (value: T): Promise<void> | undefined => {
    if (this.#hasLeft) {
      return Promise.reject(this.#left());
    }
    const consumer = this.#consumer;
    if (consumer) {
      this.#consumer = undefined;
      consumer.resolve({ done: false, value });
      return undefined;
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { value, producer: { resolve, reject } };
    });
  };

  #finish(end: { error?: unknown }): void {
    if (this.#end) {
      return; // The consumer has left.
    }
    this.#end = end;
    const consumer = this.#consumer;
    if (consumer) {
      this.#consumer = undefined;
      this.next().then(consumer.resolve, consumer.reject);
    }
  }
}
