import { setTimeout as sleep } from "node:timers/promises";
import { createInbox, type Msg, nanos } from "@nats-io/transport-node";
import { readDelivery } from "./nats-delivery.js";
import type { NatsLink } from "./nats-link.js";
import type { StreamMessage } from "./nats-payload.js";
import type { NatsStream } from "./nats-stream.js";
import { within } from "./within.js";

/** How often a consumer that has nothing to send says so, and how long its silence may be. */
const heartbeatMs = 500;
const silenceMs = 3 * heartbeatMs;

/** A consumer whose server is gone, or cannot be reached, is forgotten after so long. */
const forgottenMs = 10_000;
const pauseMs = 250;

/** A consumer that is not made after so long is not waited for idly. */
const patienceMs = 200;

/**
 * Follows a stream with one consumer, from a sequence on: each message once, in order. A
 * consumer that falls silent or leaves something out is made anew where it was.
 *
 * To make one takes the leader of all JetStream, and a node that is not down, which the
 * leader may not know yet: that can take many seconds after a node was lost. The stream has
 * its leader back sooner; so while there is no consumer, messages are asked for one by one.
 */
export class NatsTail {
  readonly #link: NatsLink;
  readonly #stream: NatsStream;
  readonly #take: (messages: StreamMessage[]) => void;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  /** Sequence of the last message that was taken. */
  #last: number;

  /** `take` gets the messages, those of one turn of the event loop at once. */
  constructor(
    link: NatsLink,
    stream: NatsStream,
    after: number,
    take: (messages: StreamMessage[]) => void,
  ) {
    this.#link = link;
    this.#stream = stream;
    this.#last = after;
    this.#take = take;
    this.#running = this.#run();
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
      (messages) => this.#give(messages),
      (subject) => connection.publish(subject),
    );
    const end = () => consumer.end();
    signal.addEventListener("abort", end, { once: true });
    const subscription = connection.subscribe(inbox, {
      callback: (error, message) => (error ? consumer.end() : consumer.receive(message)),
    });
    let name: string | undefined;
    try {
      const making = this.#stream.addConsumer(this.#last, forgottenMs, {
        deliver_subject: inbox,
        idle_heartbeat: nanos(heartbeatMs),
        flow_control: true,
      });
      while (!(await within(making, patienceMs, signal)) && !signal.aborted) {
        await this.#fetch(signal);
      }
      name = await making;
      consumer.expect();
      await consumer.ended;
    } finally {
      signal.removeEventListener("abort", end);
      consumer.end();
      subscription.unsubscribe();
      const removed = name === undefined ? undefined : this.#stream.removeConsumer(name);
      if (signal.aborted) {
        await removed; // Else its node may be gone, and the next one is more urgent.
      }
    }
  }

  /** Takes what the stream has by now, without a consumer, as far as it answers. */
  async #fetch(signal: AbortSignal): Promise<void> {
    try {
      const { first, head } = await this.#stream.look();
      let after = Math.max(this.#last, first - 1);
      while (after < head && !signal.aborted) {
        const found = await this.#stream.messages(after, head);
        if (found.length === 0) {
          return; // A leader that is new may not know of it yet.
        }
        this.#give(found);
        after = Math.max(this.#last, found.at(-1)!.sequence);
      }
    } catch {
      // The stream has no leader now.
    }
  }

  /** Takes messages, without those that came another way already. */
  #give(messages: StreamMessage[]): void {
    const rest = messages.filter(({ sequence }) => sequence > this.#last);
    if (rest.length > 0) {
      this.#last = rest.at(-1)!.sequence;
      this.#take(rest);
    }
  }
}

/** What comes of one consumer, up to the first thing that is wrong with it. */
class TailConsumer {
  readonly ended: Promise<void>;
  #end!: () => void;
  #isOver = false;
  readonly #give: (messages: StreamMessage[]) => void;
  readonly #goOn: (subject: string) => void;
  #silence: NodeJS.Timeout | undefined;
  #delivered = 0;
  #pending: StreamMessage[] = [];

  /** `goOn` publishes to a subject, on which a stalled consumer waits. */
  constructor(give: (messages: StreamMessage[]) => void, goOn: (subject: string) => void) {
    this.#give = give;
    this.#goOn = goOn;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** The consumer is there: from now on it is not to be silent. */
  expect(): void {
    if (!this.#isOver) {
      this.#silence = setTimeout(() => this.end(), silenceMs);
    }
  }

  receive(message: Msg): void {
    if (this.#isOver) {
      return;
    }
    this.#silence?.refresh();
    if (message.headers !== undefined && message.data.length === 0 && message.headers.code !== 0) {
      this.#answer(message, message.headers.code);
      return;
    }
    const delivery = readDelivery(message);
    if (delivery.delivered !== this.#delivered + 1) {
      this.end();
      return;
    }
    this.#delivered++;
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
    const messages = this.#pending;
    if (messages.length > 0 && !this.#isOver) {
      this.#pending = [];
      this.#give(messages);
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
