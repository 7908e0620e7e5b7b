/** What a queue asks of the source that fills it. */
export interface QueueSource {
  /** The queue holds its limit or more: bring no more for now. */
  pause(): void;
  /** There is room again. */
  resume(): void;
}

interface Waiter<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: unknown): void;
}

/**
 * Items between a source that pushes and one reader that pulls, bounded in bytes. What was
 * pushed is read first, then the end, or the failure: a source that breaks off is never
 * taken for one that ended.
 */
export class IncomingQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: QueueSource;
  readonly #items: { readonly item: T; readonly bytes: number }[] = [];
  readonly #waiters: Waiter<T>[] = [];
  #limit: number;
  #bytes = 0;
  #paused = false;
  #end: { readonly error?: unknown } | undefined;

  /** `limit` is in bytes, counted as the source counts them in {@link push}. */
  constructor(limit: number, source: QueueSource) {
    this.#limit = limit;
    this.#source = source;
  }

  /** True if all that was pushed has been read. */
  get drained(): boolean {
    return this.#items.length === 0;
  }

  /** Changes how many bytes may wait before the source is paused. */
  set limit(bytes: number) {
    this.#limit = bytes;
    this.#regulate();
  }

  /** Adds an item; nothing after the end. */
  push(item: T, bytes: number): void {
    if (this.#end !== undefined) {
      return;
    }
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve({ done: false, value: item });
      return;
    }
    this.#items.push({ item, bytes });
    this.#bytes += bytes;
    this.#regulate();
  }

  /** No more will come: the reader gets what is queued, then the end. */
  end(): void {
    this.#finish({});
  }

  /** The source broke off: the reader gets what is queued, then the error, each time it asks. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const entry = this.#items.shift();
    if (entry !== undefined) {
      this.#bytes -= entry.bytes;
      this.#regulate();
      return Promise.resolve({ done: false, value: entry.item });
    }
    if (this.#end !== undefined) {
      return "error" in this.#end
        ? Promise.reject(this.#end.error)
        : Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** As {@link fail}, but what is queued is let go. */
  discard(error: unknown): void {
    this.#clear();
    this.fail(error);
  }

  /** The reader wants no more: what is queued is let go, and what comes is not kept. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#clear();
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish(end: { readonly error?: unknown }): void {
    if (this.#end !== undefined) {
      return;
    }
    this.#end = end;
    for (const waiter of this.#waiters.splice(0)) {
      if ("error" in end) {
        waiter.reject(end.error);
      } else {
        waiter.resolve({ done: true, value: undefined });
      }
    }
  }

  #clear(): void {
    this.#items.length = 0;
    this.#bytes = 0;
    this.#regulate();
  }

  // Resumes at half the limit, so that a slow reader does not switch the socket with every item.
  #regulate(): void {
    if (!this.#paused && this.#bytes >= this.#limit) {
      this.#paused = true;
      this.#source.pause();
    } else if (this.#paused && this.#bytes <= this.#limit / 2) {
      this.#paused = false;
      this.#source.resume();
    }
  }
}
