import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { type JetStreamClient, jetstream } from "@nats-io/jetstream";
import { hashId, idHashBytes } from "./dedupe-window.js";
import {
  backlogError,
  closedError,
  idTakenError,
  natsAwayError,
  replacedError,
} from "./log-errors.js";
import type { LogObserver } from "./log-observer.js";
import type { AppendResult, NewMessage, Position } from "./message-log.js";
import type { NatsArrivals } from "./nats-arrivals.js";
import type { NatsLink } from "./nats-link.js";
import { encodePayload, sealStream, sentAtOf } from "./nats-payload.js";
import type { NatsStream } from "./nats-stream.js";
import { NatsTurns } from "./nats-turns.js";
import { within } from "./within.js";

/** Characters of text that may wait for their turn, of all calls together. */
const maxWaitingLength = 256 * 1024 * 1024;

/**
 * Time for the answer to one attempt, in milliseconds. An answer can be lost with the node
 * that owes it; an attempt more of the same post stores nothing twice.
 */
const attemptMs = 1000;
const pauseMs = 100;

/** How long after its answer a message may take to come to this server by itself. */
const arrivalMs = 250;

/** A post that the stream has, under this sequence. */
interface Acknowledged {
  readonly payload: Buffer;
  readonly sequence: number;
}

/**
 * Posts to a stream. Those of one call go one after the other, each when the one before is
 * acknowledged: a new leader could change the order of what is on its way. Calls go side by
 * side.
 */
export class NatsPublisher {
  readonly #link: NatsLink;
  readonly #stream: NatsStream;
  readonly #client: JetStreamClient;
  readonly #arrivals: NatsArrivals;
  readonly #timeoutMs: number;
  readonly #observer: LogObserver | undefined;
  readonly #closing = new AbortController();
  readonly #calls = new Set<Promise<AppendResult>>();
  readonly #turns = new NatsTurns();
  /** Highest sequence that was acknowledged. */
  #last = 0;
  #waitingLength = 0;
  #fault: { readonly error: ConnectError; readonly until: number } | undefined;

  constructor(
    link: NatsLink,
    stream: NatsStream,
    arrivals: NatsArrivals,
    timeoutMs: number,
    observer?: LogObserver,
  ) {
    setMaxListeners(0, this.#closing.signal); // Each post that waits has one.
    this.#link = link;
    this.#stream = stream;
    this.#client = jetstream(link.connection, { timeout: attemptMs });
    this.#arrivals = arrivals;
    this.#timeoutMs = timeoutMs;
    this.#observer = observer;
  }

  /** Why posts failed of late; undefined if they did not. */
  get fault(): ConnectError | undefined {
    return this.#fault !== undefined && Date.now() < this.#fault.until
      ? this.#fault.error
      : undefined;
  }

  /** The highest sequence that was acknowledged; 0 if there was none. */
  get last(): number {
    return this.#last;
  }

  /** See `MessageLog.append`. */
  async append(messages: readonly NewMessage[]): Promise<AppendResult> {
    if (this.#closing.signal.aborted) {
      return { positions: [], error: closedError() };
    }
    let length = 0;
    for (const { text } of messages) {
      length += text.length;
    }
    if (this.#waitingLength > 0 && this.#waitingLength + length > maxWaitingLength) {
      return { positions: [], error: backlogError() };
    }
    this.#waitingLength += length;
    this.#observer?.appended();
    const call = this.#post(messages);
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
      this.#waitingLength -= length;
    }
  }

  /** Ends what is under way with `unavailable`, as it is with calls that come. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#calls);
  }

  async #post(messages: readonly NewMessage[]): Promise<AppendResult> {
    const acknowledged: Acknowledged[] = [];
    const positions: Position[] = [];
    try {
      for (const message of messages) {
        acknowledged.push(await this.#publish(message));
      }
    } catch (error) {
      await this.#locateAll(acknowledged, positions).catch(() => {}); // This error is the first.
      return { positions, error: ConnectError.from(error, Code.Unavailable) };
    }
    try {
      await this.#locateAll(acknowledged, positions);
      return { positions };
    } catch (error) {
      return { positions, error: ConnectError.from(error, Code.Unavailable) };
    }
  }

  /** Has the stream take a post. Throws what ends the call, when it has no more time. */
  async #publish({ text, sender, messageId }: NewMessage): Promise<Acknowledged> {
    const payload = encodePayload({ text, sender });
    // Without an id of its own it gets one, so that no attempt stores it twice.
    const msgID = (
      messageId === "" ? randomBytes(16) : hashId(sender, messageId, text).subarray(0, idHashBytes)
    ).toString("base64url");
    const start = performance.now();
    const last = Math.max(this.#last, this.#arrivals.head);
    const { seq, duplicate } = await this.#untilDone(async (left) => {
      const timeout = Math.min(left, attemptMs);
      if (!(await this.#turns.take(left, this.#closing.signal))) {
        throw new Error("too many posts wait for their acknowledgement");
      }
      try {
        return await this.#client.publish(this.#stream.subject, payload, { msgID, timeout });
      } finally {
        this.#turns.give();
      }
    });
    if (seq <= last && !duplicate) {
      throw replacedError();
    }
    this.#last = Math.max(this.#last, seq);
    const post = { payload, sequence: seq };
    if (duplicate && messageId !== "" && (await this.#locate(post)) === undefined) {
      throw idTakenError(messageId);
    }
    if (duplicate && messageId !== "") {
      this.#observer?.repeated();
    } else {
      const durationMs = performance.now() - start;
      this.#observer?.committed({ messages: 1, bytes: payload.length, durationMs });
    }
    return post;
  }

  async #locateAll(posts: readonly Acknowledged[], positions: Position[]): Promise<void> {
    const last = posts.at(-1);
    if (last !== undefined) {
      await this.#arrivals.untilCome(last.sequence, arrivalMs);
    }
    const located: Position[] = [];
    for (const post of posts) {
      const sentAt = await this.#locate(post);
      if (sentAt === undefined) {
        throw replacedError();
      }
      located.push({ sequence: post.sequence, sentAt });
    }
    // Who has the answer finds the message here, also while the consumer is made anew.
    if (last !== undefined && !(await this.#arrivals.untilCome(last.sequence, this.#timeoutMs))) {
      if (last.sequence >= this.#arrivals.first) {
        throw natsAwayError(undefined);
      }
    }
    positions.push(...located);
  }

  /** When the stream took a post; undefined if the message of that sequence is another one. */
  async #locate({ payload, sequence }: Acknowledged): Promise<number | undefined> {
    const { identity } = this.#stream;
    let stored = this.#arrivals.recent.find(sequence);
    if (stored === undefined) {
      const message = await this.#untilDone(async () => {
        const found = await this.#stream.message(sequence);
        await this.#stream.look(); // It is the same stream still.
        return found;
      });
      if (message === undefined) {
        return Date.now(); // Retention was quicker: nobody knows better any more.
      }
      stored = sealStream(identity, [message])[0]!;
    }
    return sentAtOf(stored.bytes, payload);
  }

  /** Tries until it succeeds, but no longer than a post may take. */
  async #untilDone<T>(attempt: (leftMs: number) => Promise<T>): Promise<T> {
    const { signal } = this.#closing;
    const end = Date.now() + this.#timeoutMs;
    let cause: unknown;
    while (!signal.aborted) {
      if (this.#stream.isReplaced) {
        throw replacedError();
      }
      const left = end - Date.now();
      if (left <= 0) {
        const error = natsAwayError(cause);
        this.#fault = { error, until: Date.now() + this.#timeoutMs };
        this.#observer?.failed();
        throw error;
      }
      if (!this.#link.isUp) {
        await within(this.#link.up, left, signal);
        continue;
      }
      try {
        const done = await attempt(left);
        this.#fault = undefined;
        return done;
      } catch (error) {
        cause = error;
        await sleep(Math.min(pauseMs, left), undefined, { signal }).catch(() => {});
      }
    }
    throw closedError();
  }
}
