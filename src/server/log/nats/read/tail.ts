import { setTimeout as sleep } from "node:timers/promises";
import { createInbox, type Msg, nanos } from "@nats-io/transport-node";
import { onAbort } from "../../../../async/abort.js";
import { within } from "../../../../async/with-timeout.js";
import type { StreamMessage } from "../../../encoding/stream-payload.js";
import type { NatsSession } from "../session.js";
import type { NatsStream } from "../stream.js";
import { isDelivery, readDelivery } from "./delivery.js";

/** How often an idle consumer sends a heartbeat, and how long it may be silent. */
const heartbeatMs = 500;
const silenceMs = 3 * heartbeatMs;

/** How long a consumer is kept after its server is gone or unreachable. */
const forgottenMs = 10_000;
const pauseMs = 250;

/** How long one wait for the stream to be readable lasts at most. */
const waitMs = 60_000;

/**
 * How long to wait for a consumer to be created before messages are read without one, in
 * milliseconds.
 */
const makingMs = 200;

/**
 * Follows a stream from a sequence on with one consumer: each message once, in order. If a consumer
 * falls silent or skips a message, a new one is created at the same position.
 *
 * To create a consumer, JetStream needs its meta leader and a node that is up. The leader may not
 * know which nodes are down, so after the loss of a node this can take many seconds. The stream has
 * its own leader back sooner: until there is a consumer, messages are requested one by one.
 */
export class NatsTail {
  readonly #session: NatsSession;
  readonly #stream: NatsStream;
  readonly #take: (messages: StreamMessage[]) => void;
  readonly #ready: () => Promise<void>;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  /** Sequence of the last message that was given to `take`. */
  #last: number;

  /**
   * @param take gets the messages, those of one turn of the event loop at once
   * @param ready nothing is read before it has resolved, not even after a reconnect
   */
  constructor(
    session: NatsSession,
    stream: NatsStream,
    after: number,
    take: (messages: StreamMessage[]) => void,
    ready: () => Promise<void> = async () => {},
  ) {
    this.#session = session;
    this.#ready = ready;
    this.#stream = stream;
    this.#last = after;
    this.#take = take;
    this.#running = this.#run();
  }

  /** Stops following: `take` is not called any more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#session.connected;
        if (!(await within(this.#ready(), waitMs, signal))) {
          continue;
        }
        // Rejects if this is another stream of the same name.
        await this.#stream.look();
        if (!signal.aborted) {
          await this.#follow(signal);
        }
      } catch {
        // JetStream is unavailable, which the stream's health check reports.
      }
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Follows with one consumer; resolves when it can no longer be used. */
  async #follow(signal: AbortSignal): Promise<void> {
    const inbox = createInbox();
    const { connection } = this.#session;
    const consumer = new TailConsumer(
      (messages) => this.#give(messages),
      (subject) => connection.publish(subject),
    );
    const unsubscribe = onAbort(signal, () => consumer.end());
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
      while (!(await within(making, makingMs, signal)) && !signal.aborted) {
        await this.#fetch(signal);
      }
      name = await making;
      consumer.expect();
      await consumer.ended;
    } finally {
      unsubscribe();
      consumer.end();
      subscription.unsubscribe();
      const removed = name === undefined ? undefined : this.#stream.removeConsumer(name);
      if (signal.aborted) {
        await removed; // Otherwise its node may be gone, and the next consumer is more urgent.
      }
    }
  }

  /** Reads the stream's messages up to now, without a consumer, as far as it answers. */
  async #fetch(signal: AbortSignal): Promise<void> {
    try {
      const { first, head } = await this.#stream.look();
      let after = Math.max(this.#last, first - 1);
      while (after < head && !signal.aborted) {
        const found = await this.#stream.messages(after, head);
        if (found.length === 0) {
          return; // A new leader may not know the message yet.
        }
        this.#give(found);
        after = Math.max(this.#last, found.at(-1)!.sequence);
      }
    } catch {
      // The stream has no leader now.
    }
  }

  /** Passes messages on, without those that have already arrived another way. */
  #give(messages: StreamMessage[]): void {
    const rest = messages.filter(({ sequence }) => sequence > this.#last);
    if (rest.length > 0) {
      this.#last = rest.at(-1)!.sequence;
      this.#take(rest);
    }
  }
}

/** The messages of one consumer, until its first fault. */
class TailConsumer {
  readonly ended: Promise<void>;
  #end!: () => void;
  #isOver = false;
  readonly #give: (messages: StreamMessage[]) => void;
  readonly #goOn: (subject: string) => void;
  #silence: NodeJS.Timeout | undefined;
  #delivered = 0;
  #pending: StreamMessage[] = [];

  /** @param goOn publishes to the subject on which a stalled consumer waits */
  constructor(give: (messages: StreamMessage[]) => void, goOn: (subject: string) => void) {
    this.#give = give;
    this.#goOn = goOn;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** The consumer was created: from now on, silence is a fault. */
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
    if (!isDelivery(message)) {
      this.#answer(message, message.headers?.code ?? 0);
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
      // All messages of one chunk of the connection are given at once.
      queueMicrotask(() => this.#flush());
    }
  }

  /** Gives the messages that arrived before, and then no more. */
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

  /** Handles a heartbeat or a flow control request; any other status ends the consumer. */
  #answer(message: Msg, code: number): void {
    const { headers } = message;
    const last = headers?.get("Nats-Last-Consumer");
    if (code !== 100 || (last && Number(last) !== this.#delivered)) {
      this.end();
      return;
    }
    message.respond(); // Flow control; a heartbeat has no reply subject.
    const stalled = headers?.get("Nats-Consumer-Stalled");
    if (stalled) {
      this.#goOn(stalled);
    }
  }
}
