import { createInbox, type Msg, nanos, type Subscription } from "@nats-io/transport-node";
import type { StreamMessage } from "../../../encoding/stream-payload.js";
import type { NatsSession } from "../session.js";
import type { NatsStream } from "../stream.js";
import { isDelivery, readDelivery } from "./delivery.js";

/**
 * Maximum size of one request. It is no smaller than the largest possible message, Chatter's or
 * not: a larger message than the request allows would never arrive.
 */
const maxMessages = 4096;
const maxBytes = 512 * 1024;
const overheadBytes = 4096;
/**
 * Maximum number of last messages in one request. The request has no limit in bytes: nats-server
 * 2.15.1 never delivers the last message of a subject if it would exceed that.
 */
const maxLast = 256;

/**
 * How long a request waits for messages, and after what silence the consumer is considered gone.
 */
const expiresMs = 1000;
const silenceMs = 2000;
/** How long a consumer is kept after its server is gone. */
const forgottenMs = 10_000;

/** A pending request for messages. */
interface Reading {
  readonly count: number;
  readonly messages: StreamMessage[];
  resolve(messages: StreamMessage[]): void;
  reject(error: Error): void;
}

/**
 * Reads a stream from a sequence on, or the last message of each of some subjects, a batch at a
 * time, with a consumer of its own.
 */
export class NatsReader {
  /** Sequence of the last message that was read. */
  after: number;
  readonly #session: NatsSession;
  readonly #stream: NatsStream;
  readonly #name: string;
  readonly #inbox = createInbox();
  readonly #subscription: Subscription;
  /** Whether messages are left out between those that it reads. */
  readonly #hasGaps: boolean;
  #reading: Reading | undefined;
  #delivered = 0;
  /** A message does not follow the previous one: those between them were removed. */
  #hasSkipped = false;

  /** Creates the consumer. Rejects if JetStream is unavailable, or if the stream is another one. */
  static async open(session: NatsSession, stream: NatsStream, after: number): Promise<NatsReader> {
    const name = await stream.addConsumer(after, forgottenMs);
    return new NatsReader(session, stream, name, after, false);
  }

  /**
   * The same for the last message of each subject that one of the filters matches, in the order of
   * these messages.
   */
  static async openLast(
    session: NatsSession,
    stream: NatsStream,
    filters: readonly string[],
  ): Promise<NatsReader> {
    const name = await stream.addConsumer({ lastOf: filters }, forgottenMs);
    return new NatsReader(session, stream, name, 0, true);
  }

  private constructor(
    session: NatsSession,
    stream: NatsStream,
    name: string,
    after: number,
    hasGaps: boolean,
  ) {
    this.#session = session;
    this.#stream = stream;
    this.#name = name;
    this.after = after;
    this.#hasGaps = hasGaps;
    this.#subscription = session.connection.subscribe(this.#inbox, {
      callback: (error, message) => (error ? this.#fail(error) : this.#receive(message)),
    });
  }

  /**
   * The next messages, at most `count` and some hundred KiB; none if the consumer has none now.
   * Only the first message may follow a gap. Rejects if the consumer is gone: then the reader
   * cannot be used any more.
   */
  async read(count: number): Promise<StreamMessage[]> {
    if (this.#hasSkipped) {
      throw new Error("a consumer was continued elsewhere");
    }
    const { connection } = this.#session;
    const silence = setTimeout(() => this.#fail(new Error("a consumer is silent")), silenceMs);
    const batch = Math.min(count, this.#hasGaps ? maxLast : maxMessages);
    const read = new Promise<StreamMessage[]>((resolve, reject) => {
      this.#reading = { count: batch, messages: [], resolve, reject };
    });
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${this.#stream.name}.${this.#name}`;
    const bytes = Math.max(maxBytes, (connection.info?.max_payload ?? 0) + overheadBytes);
    const request = {
      ...{ batch, expires: nanos(expiresMs) },
      ...(!this.#hasGaps && { max_bytes: bytes }),
    };
    try {
      return await this.#session.request(() => {
        connection.publish(subject, JSON.stringify(request), { reply: this.#inbox });
        return read;
      });
    } finally {
      this.#reading = undefined;
      clearTimeout(silence);
    }
  }

  /** Removes the consumer, if it can be reached. */
  async close(): Promise<void> {
    this.#subscription.unsubscribe();
    await this.#stream.removeConsumer(this.#name);
  }

  #receive(message: Msg): void {
    const reading = this.#reading;
    if (reading === undefined) {
      return;
    }
    if (!isDelivery(message)) {
      const code = message.headers?.code ?? 0;
      // 408: there are no more. 409: the next one exceeds the bytes; or the consumer is gone.
      if (code === 408 || (code === 409 && reading.messages.length > 0)) {
        reading.resolve(reading.messages);
      } else {
        reading.reject(new Error(`a consumer says ${code} ${message.headers?.description}`));
      }
      return;
    }
    const delivery = readDelivery(message);
    this.#delivered++;
    if (delivery.delivered !== this.#delivered) {
      reading.reject(new Error("a consumer has left something out"));
      return;
    }
    if (!this.#hasGaps && delivery.sequence > this.after + 1 && reading.messages.length > 0) {
      this.#hasSkipped = true;
      reading.resolve(reading.messages);
      return;
    }
    const isNew = delivery.sequence > this.after; // A node that lags begins with its own end.
    this.after = Math.max(this.after, delivery.sequence);
    if (isNew) {
      reading.messages.push(delivery);
    }
    if (delivery.pending === 0 || reading.messages.length === reading.count) {
      reading.resolve(reading.messages);
    }
  }

  #fail(error: Error): void {
    this.#reading?.reject(error);
  }
}
