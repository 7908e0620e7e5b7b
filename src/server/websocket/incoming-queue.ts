import { isKnown } from "../limits/authenticated-connections.js";
import { type Inbound, inboundTurns, unknownBytesAtOnce } from "../service/call/inbound-turns.js";
import type { Message } from "./message.js";
import type { MessageStore } from "./message-store.js";

/** What a queue asks of the source that fills it. */
export interface QueueSource {
  /** The queue holds its limit or more: bring no more for now. */
  pause(): void;
  /** There is room again. */
  resume(): void;
  /** All that was queued is read, or let go. */
  drained(): void;
}

interface Waiter {
  resolve(result: IteratorResult<Message, undefined>): void;
  reject(error: unknown): void;
}

/**
 * Messages between a source that pushes and one reader that pulls, bounded in bytes. What was
 * pushed is read first, then the end, or the failure: a source that breaks off is never
 * taken for one that ended.
 *
 * A reader that waits is given what came in the turn of its connection. One without a valid token
 * takes a turn for all that it reads: it may have sent many small things that cost much.
 */
export class IncomingQueue implements AsyncIterableIterator<Message, undefined>, Inbound {
  /** What the messages come by. */
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

  /** What waits for the reader, in bytes. */
  get bytes(): number {
    return this.#store.bytes;
  }

  /** Whether the source was asked to bring no more. */
  get isFull(): boolean {
    return this.#paused;
  }

  /** Its connection has become known: it no longer waits among those that are not. */
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

  /** The turn has come of what waits here. */
  deliver(): void {
    this.#isQueued = false;
    const message = this.#waiters.length > 0 ? this.#shift() : undefined;
    if (message !== undefined) {
      this.#waiters.shift()!.resolve({ done: false, value: message });
    }
  }

  /** Lets go of buffers of which the messages are but a part: for a reader that takes its time. */
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

  /** As {@link fail}, but what is queued is let go. */
  discard(error: unknown): void {
    this.#clear();
    this.fail(error);
  }

  /** The reader wants no more: what is queued is let go, and what comes is not kept. */
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
    // What has come is on its way to the reader when its connection is gone, not behind others.
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

  // Resumes at half the limit, so that a slow reader does not switch the socket with every item.
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
