import { isKnown } from "../limits/authenticated-connections.js";
import { type Inbound, inboundTurns, unknownBytesAtOnce } from "../service/call/inbound-turns.js";
import type { Message, MessageStore } from "./message-store.js";

/** What a queue asks of its source. */
export interface QueueSource {
  /** The queue has reached its limit: bring no more for now. */
  pause(): void;
  /** There is room again. */
  resume(): void;
  /** Everything that was queued has been read or released. */
  drained(): void;
}

interface Waiter {
  resolve(result: IteratorResult<Message, undefined>): void;
  reject(error: unknown): void;
}

/**
 * Messages between a source that pushes and one reader that pulls, limited in bytes. Pushed
 * messages are read first, then the end, or the error: a source that breaks off is never mistaken
 * for one that ended.
 *
 * A reader that waits gets messages in the turn of its connection. One without a valid token takes
 * a turn for everything that it reads: it may have sent many small messages that cost much.
 */
export class IncomingQueue implements AsyncIterableIterator<Message, undefined>, Inbound {
  /** The connection that the messages come by. */
  readonly connection: object;
  readonly #source: QueueSource;
  readonly #store: MessageStore;
  readonly #waiters: Waiter[] = [];
  /** Whether it waits for its turn. */
  #isQueued = false;
  #limit: number;
  #paused = false;
  #end: { readonly error?: unknown } | undefined;

  /** `limit` is in bytes, counted as the store counts them. */
  constructor(limit: number, source: QueueSource, store: MessageStore, connection: object) {
    this.connection = connection;
    this.#limit = limit;
    this.#source = source;
    this.#store = store;
  }

  /** True if all that was pushed has been read. */
  get drained(): boolean {
    return this.#store.isEmpty;
  }

  /** The size of the messages that wait for the reader, in bytes. */
  get bytes(): number {
    return this.#store.bytes;
  }

  /** Whether the source was asked to pause. */
  get isFull(): boolean {
    return this.#paused;
  }

  /** Its connection has become known: it no longer waits among the unknown ones. */
  takeTurnAgain(): void {
    if (this.#isQueued) {
      inboundTurns.delete(this);
      inboundTurns.add(this);
    }
  }

  /** Changes how many bytes may wait before the source is paused. */
  set limit(bytes: number) {
    if (bytes !== this.#limit) {
      this.#limit = bytes;
      this.#regulate();
    }
  }

  /** Adds a message; nothing after the end. */
  push(message: Message): void {
    if (this.#end !== undefined) {
      return;
    }
    this.#store.push(message);
    this.#regulate();
    if (this.#waiters.length > 0) {
      this.#takeTurn();
    }
  }

  /** It is the turn of the messages that wait here. */
  deliver(): void {
    this.#isQueued = false;
    const message = this.#waiters.length > 0 ? this.#shift() : undefined;
    if (message !== undefined) {
      this.#waiters.shift()!.resolve({ done: false, value: message });
    }
  }

  /** Releases buffers of which the messages are only a part: for a slow reader. */
  compact(): void {
    this.#store.compact();
  }

  /** No more will come: the reader gets what is queued, then the end. */
  end(): void {
    this.#finish({});
  }

  /** The source broke off: the reader gets what is queued, then the error, each time it asks. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  next(): Promise<IteratorResult<Message, undefined>> {
    const isBroken = this.#end !== undefined && "error" in this.#end;
    const waits = this.#waiters.length > 0 || !(isBroken || isKnown(this.connection));
    const message = waits ? undefined : this.#shift();
    if (message !== undefined) {
      return Promise.resolve({ done: false, value: message });
    }
    if (this.#end !== undefined && this.#store.isEmpty) {
      return "error" in this.#end
        ? Promise.reject(this.#end.error)
        : Promise.resolve({ done: true, value: undefined });
    }
    if (!this.#store.isEmpty) {
      this.#takeTurn();
    }
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** As {@link fail}, but queued messages are released. */
  discard(error: unknown): void {
    this.#clear();
    this.fail(error);
  }

  /** The reader wants no more: queued messages are released, and later ones are dropped. */
  return(): Promise<IteratorResult<Message, undefined>> {
    this.#clear();
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish(end: { readonly error?: unknown }): void {
    this.#end ??= end;
    // When the connection is gone, what has arrived goes to the reader at once, not behind others.
    while (this.#waiters.length > 0 && !this.#store.isEmpty) {
      this.deliver();
    }
    if (this.#isQueued) {
      inboundTurns.delete(this);
      this.#isQueued = false;
    }
    for (const waiter of this.#waiters.splice(0)) {
      if ("error" in this.#end) {
        waiter.reject(this.#end.error);
      } else {
        waiter.resolve({ done: true, value: undefined });
      }
    }
  }

  #takeTurn(): void {
    if (!this.#isQueued) {
      this.#isQueued = true;
      inboundTurns.add(this);
    }
  }

  #shift(): Message | undefined {
    const message = this.#store.shift(isKnown(this.connection) ? undefined : unknownBytesAtOnce);
    if (message !== undefined) {
      this.#regulate();
      if (this.#store.isEmpty) {
        this.#source.drained();
      }
    }
    return message;
  }

  #clear(): void {
    this.#store.clear();
    this.#regulate();
    this.#source.drained();
  }

  // Resumes at half the limit, so that a slow reader does not pause and resume the socket for every
  // item.
  #regulate(): void {
    if (!this.#paused && this.#store.bytes >= this.#limit) {
      this.#paused = true;
      this.#source.pause();
    } else if (this.#paused && this.#store.bytes <= this.#limit / 2) {
      this.#paused = false;
      this.#source.resume();
    }
  }
}
