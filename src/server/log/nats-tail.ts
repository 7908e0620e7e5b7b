import { setTimeout as sleep } from "node:timers/promises";
import { createInbox, type Msg, nanos } from "@nats-io/transport-node";
import { type Delivery, readDelivery } from "./nats-delivery.js";
import type { NatsLink } from "./nats-link.js";
import type { NatsStream } from "./nats-stream.js";

/** How often a consumer that has nothing to send says so, and how long its silence may be. */
const heartbeatMs = 500;
const silenceMs = 3 * heartbeatMs;

/** A consumer whose server is gone, or cannot be reached, is forgotten after so long. */
const forgottenMs = 10_000;
const pauseMs = 250;

/**
 * Follows a stream with one consumer, from a sequence on: each message once, in order. A
 * consumer that falls silent or leaves something out is made anew where it was.
 */
export class NatsTail {
  readonly #link: NatsLink;
  readonly #stream: NatsStream;
  readonly #take: (deliveries: Delivery[]) => void;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  /** Sequence of the last message that came. */
  #last: number;
  #isFollowing = false;

  /** `take` gets the messages, those of one turn of the event loop at once. */
  constructor(
    link: NatsLink,
    stream: NatsStream,
    after: number,
    take: (deliveries: Delivery[]) => void,
  ) {
    this.#link = link;
    this.#stream = stream;
    this.#last = after;
    this.#take = take;
    this.#running = this.#run();
  }

  /** Whether what is posted comes at once. */
  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** Ends following; nothing is taken any more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#link.up;
        // Of another stream of this name nothing is read.
        await this.#stream.look();
        if (!signal.aborted) {
          await this.#follow(signal);
        }
      } catch {
        // JetStream is away: who watches the stream says so.
      }
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Follows with one consumer; resolves when it is of no use any more. */
  async #follow(signal: AbortSignal): Promise<void> {
    const inbox = createInbox();
    const { connection } = this.#link;
    const consumer = new TailConsumer(
      this.#last,
      (deliveries) => {
        this.#last = deliveries.at(-1)!.sequence;
        this.#take(deliveries);
      },
      (subject) => connection.publish(subject),
    );
    const end = () => consumer.end();
    signal.addEventListener("abort", end, { once: true });
    const subscription = connection.subscribe(inbox, {
      callback: (error, message) => (error ? consumer.end() : consumer.receive(message)),
    });
    let name: string | undefined;
    try {
      name = await this.#stream.addConsumer(this.#last, forgottenMs, {
        deliver_subject: inbox,
        idle_heartbeat: nanos(heartbeatMs),
        flow_control: true,
      });
      this.#isFollowing = true;
      await consumer.ended;
    } finally {
      this.#isFollowing = false;
      signal.removeEventListener("abort", end);
      consumer.end();
      subscription.unsubscribe();
      if (name !== undefined) {
        await this.#stream.removeConsumer(name);
      }
    }
  }
}

/** What comes of one consumer, up to the first thing that is wrong with it. */
class TailConsumer {
  readonly ended: Promise<void>;
  #end!: () => void;
  #isOver = false;
  readonly #give: (deliveries: Delivery[]) => void;
  readonly #goOn: (subject: string) => void;
  readonly #silence: NodeJS.Timeout;
  #delivered = 0;
  #last: number;
  #pending: Delivery[] = [];

  /** `goOn` publishes to a subject, on which a stalled consumer waits. */
  constructor(
    last: number,
    give: (deliveries: Delivery[]) => void,
    goOn: (subject: string) => void,
  ) {
    this.#last = last;
    this.#give = give;
    this.#goOn = goOn;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#silence = setTimeout(() => this.end(), silenceMs);
  }

  receive(message: Msg): void {
    if (this.#isOver) {
      return;
    }
    this.#silence.refresh();
    if (message.headers !== undefined && message.data.length === 0 && message.headers.code !== 0) {
      this.#answer(message, message.headers.code);
      return;
    }
    const delivery = readDelivery(message);
    if (delivery.delivered !== this.#delivered + 1 || delivery.sequence <= this.#last) {
      this.end();
      return;
    }
    this.#delivered++;
    this.#last = delivery.sequence;
    this.#pending.push(delivery);
    if (this.#pending.length === 1) {
      // All that one chunk of the connection has comes in one go.
      queueMicrotask(() => this.#flush());
    }
  }

  /** What came before is given; nothing is taken any more. */
  end(): void {
    if (!this.#isOver) {
      this.#flush();
      this.#isOver = true;
      clearTimeout(this.#silence);
      this.#end();
    }
  }

  #flush(): void {
    const deliveries = this.#pending;
    if (deliveries.length > 0 && !this.#isOver) {
      this.#pending = [];
      this.#give(deliveries);
    }
  }

  /** A heartbeat, or a question whether what was sent has come; all else ends it. */
  #answer(message: Msg, code: number): void {
    const { headers } = message;
    const last = headers?.get("Nats-Last-Consumer");
    if (code !== 100 || (last && Number(last) !== this.#delivered)) {
      this.end();
      return;
    }
    message.respond(); // Flow control; a heartbeat has nobody to answer to.
    const stalled = headers?.get("Nats-Consumer-Stalled");
    if (stalled) {
      this.#goOn(stalled);
    }
  }
}
