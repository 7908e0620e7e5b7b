import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { closedError, natsAwayError, overtakenError } from "./log-errors.js";
import type { LogLogger } from "./log-logger.js";
import type { LogObserver } from "./log-observer.js";
import type { AppendResult, Batch, MessageLog, NewMessage, ReadOptions } from "./message-log.js";
import { NatsArrivals } from "./nats-arrivals.js";
import { NatsCatchUp } from "./nats-catch-up.js";
import { type NatsAddress, type NatsLink, openLink } from "./nats-link.js";
import { openStream } from "./nats-opening.js";
import { NatsPublisher } from "./nats-publisher.js";
import type { NatsStream } from "./nats-stream.js";
import type { NatsStreamOptions } from "./nats-stream-config.js";
import { NatsTail } from "./nats-tail.js";
import { NatsWatch } from "./nats-watch.js";
import { sliceBatch } from "./stored-message.js";

/** Options of `openNatsLog`. */
export interface NatsLogOptions extends NatsStreamOptions {
  /** Where NATS is, and how to get in. */
  readonly address: NatsAddress;
  /**
   * How long the opening waits for NATS, and a post for its acknowledgement, in milliseconds:
   * then they fail.
   */
  readonly timeoutMs: number;
  /** Default: nothing is said. */
  readonly logger?: LogLogger;
  /** Told what the log does; each message is a commit of its own. Default: nobody. */
  readonly observer?: LogObserver;
}

/** How long a cursor of another server may be ahead of what JetStream says it has. */
const aheadMs = 1000;
const pauseMs = 200;

/**
 * Opens the log in a stream of NATS JetStream, or makes one: the engine for many servers.
 *
 * Rejects with `failed_precondition` and one line if NATS cannot be reached in time or does
 * not let us in, or if the stream that is there cannot be the log.
 */
export async function openNatsLog(options: NatsLogOptions): Promise<MessageLog> {
  const { address, timeoutMs, logger } = options;
  const link = await openLink(address, timeoutMs, logger);
  try {
    return new NatsLog(link, await openStream(link, options, timeoutMs), options);
  } catch (error) {
    await link.close();
    throw error;
  }
}

class NatsLog implements MessageLog {
  readonly identity: string;
  readonly #link: NatsLink;
  readonly #stream: NatsStream;
  readonly #timeoutMs: number;
  readonly #publisher: NatsPublisher;
  readonly #catchUp: NatsCatchUp;
  readonly #tail: NatsTail;
  readonly #watch: NatsWatch;
  readonly #closing = new AbortController();
  readonly #arrivals: NatsArrivals;

  constructor(
    link: NatsLink,
    stream: NatsStream,
    { timeoutMs, logger, observer }: Pick<NatsLogOptions, "timeoutMs" | "logger" | "observer">,
  ) {
    setMaxListeners(0, this.#closing.signal);
    this.identity = stream.identity;
    this.#link = link;
    this.#stream = stream;
    this.#timeoutMs = timeoutMs;
    this.#arrivals = new NatsArrivals(stream, this.#closing.signal, logger);
    this.#publisher = new NatsPublisher(link, stream, this.#arrivals, timeoutMs, observer);
    this.#catchUp = new NatsCatchUp(link, stream, (after) => this.#checkKept(after), logger);
    this.#tail = new NatsTail(link, stream, this.head, (messages) => this.#arrivals.take(messages));
    this.#watch = new NatsWatch(link, () => this.#look(), { logger });
  }

  get head() {
    return this.#arrivals.head;
  }

  get first() {
    return this.#arrivals.first;
  }

  get writeFault() {
    return this.#watch.fault ?? this.#publisher.fault;
  }

  append(messages: readonly NewMessage[]): Promise<AppendResult> {
    return this.#publisher.append(messages);
  }

  read(
    after: number,
    { through, limit, signal }: ReadOptions = {},
  ): Batch | undefined | Promise<Batch | undefined> {
    signal?.throwIfAborted();
    if (this.#closing.signal.aborted) {
      throw closedError();
    }
    if (after + 1 < this.first) {
      throw overtakenError(after, this.first);
    }
    if (after >= Math.min(this.head, through ?? this.head)) {
      return undefined;
    }
    if (after + 1 >= this.#arrivals.recent.first) {
      return this.#arrivals.recent.read(after, through, limit);
    }
    return this.#catchUp
      .read(after, this.head, signal)
      .then((batch) => batch && sliceBatch(batch, after, through, limit));
  }

  wait(after: number, signal: AbortSignal): Promise<void> {
    return this.#arrivals.waiters.wait(after, this.head, signal);
  }

  async reaches(sequence: number): Promise<boolean> {
    const end = Date.now() + aheadMs;
    while (sequence > this.head) {
      let head: number;
      try {
        ({ head } = await this.#stream.look());
      } catch (error) {
        throw error instanceof ConnectError ? error : natsAwayError(error);
      }
      if (sequence <= head) {
        if (await this.#arrivals.untilCome(sequence, this.#timeoutMs)) {
          return true;
        }
        throw natsAwayError(undefined);
      }
      if (Date.now() > end) {
        return false;
      }
      // A leader that is new may not know of everything yet.
      await sleep(pauseMs, undefined, { signal: this.#closing.signal }).catch(() => {});
    }
    return true;
  }

  beforeLast(count: number): number {
    return Math.max(this.first - 1, this.head - count);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) {
      return;
    }
    this.#closing.abort();
    this.#arrivals.waiters.close();
    const closed = Promise.all([
      this.#publisher.close(),
      this.#catchUp.close(closedError()),
      this.#tail.close(),
      this.#watch.close(),
    ]);
    if (!this.#link.isUp) {
      await this.#link.close(); // They wait for it to come up again.
    }
    await closed;
    await this.#link.close();
  }

  /** Rejects with `out_of_range` if what follows a sequence is not kept. */
  async #checkKept(after: number): Promise<void> {
    const { first } = await this.#stream.look();
    this.#arrivals.moveFirst(first);
    if (after + 1 < this.first) {
      throw overtakenError(after, this.first);
    }
  }

  /**
   * Finds where the stream begins. Rejects if it has less than was in it when it was asked:
   * for a moment that can be, as a new leader may have to catch up.
   */
  async #look(): Promise<void> {
    const last = Math.max(this.head, this.#publisher.last);
    const { first, head } = await this.#stream.look();
    if (head < last) {
      throw new Error(
        `the stream ends with message ${head}, and had ${last}: JetStream has lost messages`,
      );
    }
    this.#arrivals.moveFirst(first);
  }
}
