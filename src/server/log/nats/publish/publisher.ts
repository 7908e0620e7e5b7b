import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { within } from "../../../../async/with-timeout.js";
import { encodeBatches, sentAtOf } from "../../../encoding/stream-payload.js";
import { Backlog, waitingSize } from "../../core/backlog.js";
import { backlogError, closedError, idTakenError } from "../../errors.js";
import type { AppendResult, NewMessage, OnStored, Position } from "../../message-log.js";
import type { LogObserver } from "../../observer.js";
import { noRoomsError } from "../errors.js";
import { NatsFault, natsFaultOf } from "../faults.js";
import type { NatsIntegrity } from "../integrity.js";
import type { ReplicaTail } from "../read/replica-tail.js";
import type { NatsSession } from "../session.js";
import type { NatsStream } from "../stream.js";
import { NatsAcks, type PublishAck } from "./acks.js";
import { beginningOf, NatsBatches, type NatsPost, preparePost } from "./atomic-batches.js";
import { InFlightLimit } from "./in-flight-limit.js";

const pauseMs = 100;

/**
 * How long after its acknowledgement a message may take to arrive at this server through its
 * consumer.
 */
const arrivalMs = 250;

/** A post that is in the stream, with this sequence. */
interface Acknowledged {
  readonly payload: Buffer;
  readonly sequence: number;
}

export interface NatsPublisherOptions {
  /** Called with the outcome of posts. Default: nothing is called. */
  readonly observer?: LogObserver;
  /**
   * Called for each post that was stored, with the time (`performance.now`) at which it was sent.
   */
  readonly onAcknowledged?: (begunAt: number) => void;
  /** Called for each post that was not stored. Default: nothing is called. */
  readonly onFailed?: (fault: NatsFault) => void;
  /**
   * Whether the stream has everything that it had: nothing is sent before that is known. Default:
   * it has.
   */
  readonly integrity?: Pick<NatsIntegrity, "isWhole" | "whole" | "fault" | "wentBack">;
}

/** For a stream that nobody else reads. */
const alwaysWhole = { isWhole: true, whole: Promise.resolve(), fault: undefined, wentBack() {} };

/**
 * Posts to a stream. A new leader could change the order of messages in flight. So the posts of one
 * call go in batches, which are stored as a whole, or, if the stream accepts no batches, one by
 * one, each once the previous one is acknowledged. Calls are concurrent.
 */
export class NatsPublisher {
  readonly #session: NatsSession;
  readonly #stream: NatsStream;
  readonly #acks: NatsAcks;
  readonly #batches: NatsBatches;
  readonly #replica: ReplicaTail;
  readonly #timeoutMs: number;
  readonly #observer: LogObserver | undefined;
  readonly #onAcknowledged: (begunAt: number) => void;
  readonly #onFailed: (fault: NatsFault) => void;
  readonly #integrity: NonNullable<NatsPublisherOptions["integrity"]>;
  readonly #closing = new AbortController();
  readonly #calls = new Set<Promise<AppendResult>>();
  readonly #inFlight = new InFlightLimit();
  readonly #backlog = new Backlog();
  /** Highest sequence that was acknowledged. */
  #last = 0;
  #fault: { readonly error: NatsFault; readonly until: number } | undefined;
  /** When a post was last acknowledged. */
  #succeededAt = Number.NEGATIVE_INFINITY;

  constructor(
    session: NatsSession,
    stream: NatsStream,
    replica: ReplicaTail,
    timeoutMs: number,
    {
      observer,
      onAcknowledged = () => {},
      onFailed = () => {},
      integrity = alwaysWhole,
    }: NatsPublisherOptions = {},
  ) {
    setMaxListeners(0, this.#closing.signal); // One for each waiting post.
    this.#session = session;
    this.#stream = stream;
    this.#acks = new NatsAcks(session);
    this.#batches = new NatsBatches(stream, this.#acks);
    this.#replica = replica;
    this.#timeoutMs = timeoutMs;
    this.#observer = observer;
    this.#onAcknowledged = onAcknowledged;
    this.#onFailed = onFailed;
    this.#integrity = integrity;
  }

  /** Why posts have failed recently; undefined if they have not. */
  get fault(): NatsFault | undefined {
    return this.#fault !== undefined && performance.now() < this.#fault.until
      ? this.#fault.error
      : undefined;
  }

  /** The highest sequence that was acknowledged; 0 if there was none. */
  get last(): number {
    return this.#last;
  }

  /** How many messages are in flight to JetStream. */
  get unanswered(): number {
    return this.#acks.unanswered;
  }

  /** See `MessageLog.append`. */
  async append(messages: readonly NewMessage[], onStored?: OnStored): Promise<AppendResult> {
    if (this.#closing.signal.aborted) {
      return { positions: [], error: closedError() };
    }
    const sender = messages[0]?.sender ?? "";
    const size = waitingSize(messages);
    if (!this.#backlog.enter(sender, size)) {
      return { positions: [], error: backlogError() };
    }
    this.#observer?.appended();
    const call = this.#post(messages, onStored);
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
      this.#backlog.leave(sender, size);
    }
  }

  /** Ends calls in progress with `unavailable`, and later calls as well. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#acks.close();
    await Promise.all(this.#calls);
  }

  /**
   * Stores some messages in the stream, and finds their positions concurrently, so that nothing but
   * the answers waits for that.
   */
  async #post(messages: readonly NewMessage[], onStored?: OnStored): Promise<AppendResult> {
    const positions: Position[] = [];
    let located = Promise.resolve();
    let fault: unknown;
    let count = 0;
    const locate = (acknowledged: readonly Acknowledged[]) => {
      count += acknowledged.length;
      const isLast = count === messages.length;
      located = located.then(async () => {
        if (fault === undefined) {
          const found = await this.#locateAll(acknowledged);
          positions.push(...found);
          if (!isLast) {
            onStored?.(found);
          }
        }
      });
      located.catch((error) => {
        fault ??= error;
      });
    };
    try {
      while (count < messages.length && fault === undefined) {
        await this.#publishSome(messages, count, locate);
      }
    } catch (error) {
      await located.catch(() => {}); // This error is the first.
      return { positions, error: ConnectError.from(error, Code.Unavailable) };
    }
    try {
      await located;
      return { positions };
    } catch (error) {
      return { positions, error: ConnectError.from(error, Code.Unavailable) };
    }
  }

  /** Stores the next messages in the stream: a batch of them, or one. */
  async #publishSome(
    messages: readonly NewMessage[],
    from: number,
    stored: (acknowledged: readonly Acknowledged[]) => void,
  ): Promise<void> {
    const end = this.#postableEnd(messages, from);
    if (end === from) {
      throw noRoomsError();
    }
    if (from + 1 === end || !this.#batches.acquire()) {
      stored([await this.#publish(preparePost(messages[from]!))]);
      return;
    }
    const posts = beginningOf(messages, from, end);
    try {
      await this.#publishBatch(posts, stored);
    } finally {
      this.#batches.release();
    }
  }

  /** The index at which those messages end that the stream has subjects for. */
  #postableEnd(messages: readonly NewMessage[], from: number): number {
    if (this.#stream.hasRooms) {
      return messages.length;
    }
    const end = messages.findIndex(({ room = "" }, i) => i >= from && room !== "");
    return end < 0 ? messages.length : end;
  }

  async #publishBatch(
    posts: readonly NatsPost[],
    stored: (acknowledged: readonly Acknowledged[]) => void,
  ): Promise<void> {
    const last = Math.max(this.#last, this.#replica.head);
    const begunAt = performance.now();
    const acks = await this.#untilDone((left) => this.#batches.send(posts, left));
    const acknowledged: Acknowledged[] = [];
    try {
      for (const [i, answer] of acks.entries()) {
        acknowledged.push(await this.#acknowledge(posts[i]!, answer, last, begunAt));
      }
    } finally {
      stored(acknowledged);
    }
  }

  /** Stores a post in the stream. Throws the error that ends the call when it has no more time. */
  async #publish(post: NatsPost): Promise<Acknowledged> {
    const last = Math.max(this.#last, this.#replica.head);
    const begunAt = performance.now();
    const answer = await this.#untilDone(async (left) => {
      if (!(await this.#inFlight.acquire(post.sender, left, this.#closing.signal))) {
        throw new Error("too many posts wait for their acknowledgement");
      }
      try {
        const { room, payload, headers } = post;
        return await this.#acks.send(this.#stream.subjectOf(room), payload, headers, left);
      } finally {
        this.#inFlight.release();
      }
    });
    return this.#acknowledge(post, answer, last, begunAt);
  }

  /** A post was acknowledged. Throws if it is not the one that is stored. */
  async #acknowledge(
    { payload, messageId }: NatsPost,
    { seq, duplicate }: PublishAck,
    last: number,
    begunAt: number,
  ): Promise<Acknowledged> {
    if (seq <= last && !duplicate) {
      await this.#stream.look(); // Rejects if another stream has taken its place.
      this.#integrity.wentBack(seq, last);
      throw this.#integrity.fault ?? new NatsFault("no_answer");
    }
    if (!duplicate) {
      this.#onAcknowledged(begunAt); // A repeat is acknowledged by the leader alone.
    }
    this.#last = Math.max(this.#last, seq);
    const post = { payload, sequence: seq };
    if (duplicate && messageId !== "" && (await this.#locate(post)) === undefined) {
      throw idTakenError({ id: JSON.stringify(messageId) });
    }
    if (duplicate && messageId !== "") {
      this.#observer?.repeated();
    } else {
      const durationMs = performance.now() - begunAt;
      this.#observer?.committed({ messages: 1, bytes: payload.length, durationMs });
    }
    return post;
  }

  /** The positions of acknowledged posts, once this server can show them. */
  async #locateAll(posts: readonly Acknowledged[]): Promise<Position[]> {
    const last = posts.reduce((most, { sequence }) => Math.max(most, sequence), 0);
    await this.#replica.untilCome(last, arrivalMs);
    const located: Position[] = [];
    for (const post of posts) {
      const sentAt = await this.#locate(post);
      if (sentAt === undefined) {
        throw new NatsFault("replaced");
      }
      located.push({ sequence: post.sequence, sentAt });
    }
    // A client with the answer must find the message here, also while the consumer is being
    // restored.
    if (!(await this.#replica.untilCome(last, this.#timeoutMs)) && last >= this.#replica.first) {
      throw new NatsFault("no_answer");
    }
    return located;
  }

  /** When the stream stored a post; undefined if the message with that sequence is another one. */
  async #locate({ payload, sequence }: Acknowledged): Promise<number | undefined> {
    const { identity } = this.#stream;
    let stored = this.#replica.cache.find(sequence);
    if (stored === undefined) {
      const message = await this.#untilDone(async () => {
        const found = await this.#stream.message(sequence);
        await this.#stream.look(); // It is still the same stream.
        return found;
      });
      if (message === undefined) {
        return Date.now(); // Retention was faster: nobody knows the time any more.
      }
      stored = encodeBatches(identity, [message])[0]!;
    }
    return sentAtOf(stored.bytes, payload);
  }

  /** Tries until it succeeds, but no longer than a post may take. */
  async #untilDone<T>(attempt: (leftMs: number) => Promise<T>): Promise<T> {
    const { signal } = this.#closing;
    const begunAt = performance.now();
    const end = begunAt + this.#timeoutMs;
    let cause: unknown;
    while (!signal.aborted) {
      if (this.#stream.isReplaced) {
        throw new NatsFault("replaced");
      }
      if (this.#stream.fault !== undefined) {
        throw this.#stream.fault; // What it stored now could be removed by the next one.
      }
      const left = end - performance.now();
      if (left <= 0) {
        throw this.#failedFor(natsFaultOf(cause), begunAt);
      }
      if (!this.#session.isConnected) {
        await within(this.#session.connected, left, signal);
        continue;
      }
      if (!this.#integrity.isWhole) {
        if (this.#integrity.fault !== undefined) {
          throw this.#integrity.fault;
        }
        await within(this.#integrity.whole, left, signal);
        continue;
      }
      try {
        const done = await attempt(left);
        this.#fault = undefined;
        this.#succeededAt = performance.now();
        return done;
      } catch (error) {
        cause = error;
        const fault = natsFaultOf(error);
        if (fault.reason === "too_large" || fault.reason === "no_permission") {
          throw this.#failedFor(fault, begunAt); // The next attempt would have the same outcome.
        }
        await sleep(Math.min(pauseMs, left), undefined, { signal }).catch(() => {});
      }
    }
    throw closedError();
  }

  /** A post is not stored. If others were stored since it began, the fault is its own. */
  #failedFor(fault: NatsFault, begunAt: number): NatsFault {
    this.#onFailed(fault);
    if (fault.reason !== "too_large" && this.#succeededAt < begunAt) {
      this.#fault = { error: fault, until: performance.now() + this.#timeoutMs };
      this.#observer?.failed();
    }
    return fault;
  }
}
