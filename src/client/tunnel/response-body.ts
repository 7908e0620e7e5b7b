import { createDeferred, type Deferred } from "../../async/deferred.js";

/**
 * The body of a response, between the socket, which pushes, and one reader, which pulls. What has
 * arrived is read first, then the end or the error. It has no limit of its own: the credit that is
 * sent as it is read limits it.
 */
export class ResponseBody implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #chunks: Uint8Array[] = [];
  readonly #onRead: (bytes: number) => void;
  readonly #onDone: () => void;
  #waiter: Deferred<void> | undefined;
  #end: { readonly error?: unknown } | undefined;

  /**
   * `onRead` is called with the number of bytes read, `onDone` when the reader has reached the end,
   * or left.
   */
  constructor(onRead: (bytes: number) => void, onDone: () => void) {
    this.#onRead = onRead;
    this.#onDone = onDone;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#waiter?.resolve();
  }

  /** Nothing follows. */
  end(): void {
    this.#end ??= {};
    this.#waiter?.resolve();
  }

  /** The response broke off. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#waiter?.resolve();
  }

  /** The reader's call is over: it gets the error at once, whatever arrived before. */
  abort(error: unknown): void {
    this.#chunks.length = 0;
    this.#end = { error };
    this.#waiter?.resolve();
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#onRead(chunk.length);
        return { done: false, value: chunk };
      }
      if (this.#end !== undefined) {
        this.#onDone();
        if ("error" in this.#end) {
          throw this.#end.error;
        }
        return { done: true, value: undefined };
      }
      this.#waiter ??= createDeferred();
      await this.#waiter.promise;
      this.#waiter = undefined;
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#chunks.length = 0;
    this.end();
    this.#onDone();
    return { done: true, value: undefined };
  }

  /** The reader cannot continue: this is how Connect's pipelines say so. */
  async throw(error: unknown): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
