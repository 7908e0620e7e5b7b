import { onAbort } from "../../../async/abort.js";
import { type Unread, uncounted } from "../../limits/unread-bytes.js";
import { afterInboundTurns } from "../call/inbound-turns.js";

/** How much may be buffered between a source and its consumer. */
export interface ReadAheadLimits {
  readonly maxItems: number;
  readonly maxBytes: number;
}

/**
 * Reads a source ahead while its consumer is busy, and yields everything that arrived meanwhile in
 * one batch: so a stream's messages share commits, and a slow log slows its sender.
 *
 * Items that were read are yielded before an error of the source, or the signal's reason, is
 * thrown. The limit is exceeded by one batch of the source at most.
 *
 * @param sizeOf the size of an item in bytes
 * @param unread counts the buffered bytes. Default: they are not counted
 */
export function readAhead<T>(
  source: AsyncIterable<readonly T[]>,
  sizeOf: (item: T) => number,
  limits: ReadAheadLimits,
  signal: AbortSignal,
  unread: Unread = uncounted,
): AsyncIterable<T[]> {
  return { [Symbol.asyncIterator]: () => new ReadAhead(source, sizeOf, limits, signal, unread) };
}

/** Not a generator, and it does not wait in one: each message of a stream passes here. */
class ReadAhead<T> implements AsyncIterator<T[]> {
  readonly #source: AsyncIterator<readonly T[]>;
  readonly #sizeOf: (item: T) => number;
  readonly #limits: ReadAheadLimits;
  readonly #unread: Unread;
  readonly #unsubscribe: () => void;
  #items: T[] = [];
  #bytes = 0;
  #isReading = false;
  #outcome: { error?: unknown } | undefined;
  #isOver = false;
  /** The consumer, while it waits. */
  #consumer:
    | { resolve(result: IteratorResult<T[]>): void; reject(reason: unknown): void }
    | undefined;

  constructor(
    source: AsyncIterable<readonly T[]>,
    sizeOf: (item: T) => number,
    limits: ReadAheadLimits,
    signal: AbortSignal,
    unread: Unread,
  ) {
    this.#source = source[Symbol.asyncIterator]();
    this.#sizeOf = sizeOf;
    this.#limits = limits;
    this.#unread = unread;
    this.#unsubscribe = onAbort(signal, () =>
      afterInboundTurns(() => this.#end({ error: signal.reason })),
    );
  }

  next(): Promise<IteratorResult<T[]>> {
    if (this.#items.length > 0) {
      return Promise.resolve({ done: false, value: this.#take() });
    }
    if (this.#outcome) {
      return this.#finish(this.#outcome);
    }
    return new Promise((resolve, reject) => {
      this.#consumer = { resolve, reject };
      this.#read();
    });
  }

  async return(): Promise<IteratorResult<T[]>> {
    this.#end({});
    this.#release();
    return { done: true, value: undefined };
  }

  /** Requests more from the source, unless there is enough. */
  #read(): void {
    const { maxItems, maxBytes } = this.#limits;
    const isFull =
      this.#items.length >= maxItems || this.#bytes >= Math.min(maxBytes, this.#unread.readAhead);
    if (!this.#isReading && !this.#outcome && !isFull) {
      this.#isReading = true;
      this.#source.next().then(this.#onItems, this.#onFault);
    }
  }

  readonly #onItems = (next: IteratorResult<readonly T[]>) => {
    this.#isReading = false;
    if (this.#outcome) {
      return;
    }
    if (next.done) {
      this.#end({});
      return;
    }
    let bytes = 0;
    for (const item of next.value) {
      this.#items.push(item);
      bytes += this.#sizeOf(item);
    }
    this.#bytes += bytes;
    const tooMuch = this.#unread.add(bytes);
    if (tooMuch) {
      this.#end({ error: tooMuch });
    }
    this.#wake();
    this.#read();
  };

  readonly #onFault = (error: unknown) => this.#end({ error });

  /** The first outcome counts. */
  #end(outcome: { error?: unknown }): void {
    this.#outcome ??= outcome;
    this.#wake();
  }

  /** Gives the consumer what there is, if it waits. */
  #wake(): void {
    const consumer = this.#consumer;
    if (consumer && this.#items.length > 0) {
      this.#consumer = undefined;
      consumer.resolve({ done: false, value: this.#take() });
    } else if (consumer && this.#outcome) {
      this.#consumer = undefined;
      this.#finish(this.#outcome).then(consumer.resolve, consumer.reject);
    }
  }

  #take(): T[] {
    const items = this.#items;
    this.#items = [];
    this.#unread.remove(this.#bytes);
    this.#bytes = 0;
    this.#read();
    return items;
  }

  #finish(outcome: { error?: unknown }): Promise<IteratorResult<T[]>> {
    const isFirst = !this.#isOver;
    this.#release();
    return isFirst && "error" in outcome
      ? Promise.reject(outcome.error)
      : Promise.resolve({ done: true, value: undefined });
  }

  #release(): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#unsubscribe();
    this.#unread.remove(this.#bytes);
    this.#bytes = 0;
    this.#items = [];
    // Not awaited: a source that waits for its peer would delay the end.
    this.#source.return?.()?.catch(() => {});
  }
}
