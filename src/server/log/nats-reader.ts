import { createInbox, type Msg, nanos, type Subscription } from "@nats-io/transport-node";
import { readDelivery } from "./nats-delivery.js";
import type { NatsLink } from "./nats-link.js";
import { isPayload, type StreamMessage } from "./nats-payload.js";
import type { NatsStream } from "./nats-stream.js";

/** Most that is asked for at once: more bytes than the largest message has. */
const maxMessages = 4096;
const maxBytes = 512 * 1024;

/** For so long a consumer waits for what was asked for; after a while more it is gone. */
const patienceMs = 1000;
const silenceMs = 2000;
/** A consumer whose server is gone is forgotten after so long. */
const forgottenMs = 10_000;

/** What is asked for is being sent. */
interface Reading {
  readonly count: number;
  readonly messages: StreamMessage[];
  resolve(messages: StreamMessage[]): void;
  reject(error: Error): void;
}

/** Reads a stream from a sequence on, a piece at a time, with a consumer of its own. */
export class NatsReader {
  /** Sequence of the last message that was read. */
  after: number;
  readonly #link: NatsLink;
  readonly #stream: NatsStream;
  readonly #name: string;
  readonly #inbox = createInbox();
  readonly #subscription: Subscription;
  #reading: Reading | undefined;
  #delivered = 0;
  /** A message came that does not follow the one before: what is between was removed. */
  #hasSkipped = false;

  /** Makes the consumer. Rejects if JetStream is away, or the stream another one. */
  static async open(link: NatsLink, stream: NatsStream, after: number): Promise<NatsReader> {
    const name = await stream.addConsumer(after, forgottenMs, {});
    return new NatsReader(link, stream, name, after);
  }

  private constructor(link: NatsLink, stream: NatsStream, name: string, after: number) {
    this.#link = link;
    this.#stream = stream;
    this.#name = name;
    this.after = after;
    this.#subscription = link.connection.subscribe(this.#inbox, {
      callback: (error, message) => (error ? this.#fail(error) : this.#receive(message)),
    });
  }

  /**
   * The next messages, `count` at most and some hundred KiB; none if the consumer has none
   * now. Only the first may leave out what comes before it. Rejects if the consumer is gone:
   * then nothing more can be read with it.
   */
  async read(count: number): Promise<StreamMessage[]> {
    if (this.#hasSkipped) {
      throw new Error("a consumer has gone on elsewhere");
    }
    const { connection } = this.#link;
    const silence = setTimeout(() => this.#fail(new Error("a consumer is silent")), silenceMs);
    const read = new Promise<StreamMessage[]>((resolve, reject) => {
      this.#reading = { count: Math.min(count, maxMessages), messages: [], resolve, reject };
    });
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${this.#stream.name}.${this.#name}`;
    const request = {
      batch: Math.min(count, maxMessages),
      max_bytes: maxBytes,
      expires: nanos(patienceMs),
    };
    try {
      return await this.#link.ask(() => {
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
    const code = message.headers?.code ?? 0;
    if (code > 0) {
      // 408: it has no more. 409: the next one would be too many bytes; or it is gone.
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
    if (delivery.sequence > this.after + 1 && reading.messages.length > 0) {
      this.#hasSkipped = true;
      reading.resolve(reading.messages);
      return;
    }
    const isNew = delivery.sequence > this.after; // A node that lags begins with its own end.
    this.after = Math.max(this.after, delivery.sequence);
    if (isNew && isPayload(delivery.payload)) {
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
