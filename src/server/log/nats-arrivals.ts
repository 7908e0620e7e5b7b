import { setTimeout as sleep } from "node:timers/promises";
import type { LogLogger } from "./log-logger.js";
import { isPayload, type StreamMessage, sealStream } from "./nats-payload.js";
import type { NatsStream } from "./nats-stream.js";
import { Recent } from "./recent.js";
import { Waiters } from "./waiters.js";
import { within } from "./within.js";

/** Bytes of the newest messages that are held in memory. */
const recentBytes = 8 * 1024 * 1024;

/** How long what is missing is looked for before what follows it is shown in any case. */
const holeMs = 10_000;
const pauseMs = 200;

/** A reason that is made once: without one, each `abort` makes an exception with a stack. */
const waitedEnough = new Error("waited long enough");

/** What has come of a stream to this server, the newest of it in memory. */
export class NatsArrivals {
  readonly recent: Recent;
  readonly waiters = new Waiters();
  readonly #stream: NatsStream;
  readonly #closing: AbortSignal;
  readonly #logger: LogLogger | undefined;
  #first: number;
  /** Sequence of the last message that came, whatever it was. */
  #last: number;
  /** Messages that came after a hole, until it is known what the hole is. */
  #afterHole: StreamMessage[] | undefined;

  constructor(stream: NatsStream, closing: AbortSignal, logger?: LogLogger) {
    const { first, head } = stream.place;
    this.recent = new Recent(recentBytes, head);
    this.#stream = stream;
    this.#closing = closing;
    this.#logger = logger;
    this.#first = first;
    this.#last = head;
  }

  /** Sequence of the newest message that came. */
  get head(): number {
    return this.recent.head;
  }

  /** Sequence of the oldest message that is kept, as far as this server knows. */
  get first(): number {
    return this.#first;
  }

  /** The stream begins with this sequence, or a later one. */
  moveFirst(first: number): void {
    if (first > this.#first) {
      this.#first = first;
      this.recent.dropBefore(first);
    }
  }

  /** Whether a message came within a time. */
  async untilCome(sequence: number, timeoutMs: number): Promise<boolean> {
    if (sequence <= this.head) {
      return true;
    }
    const left = new AbortController();
    const come = this.waiters.wait(sequence - 1, this.head, left.signal);
    await within(come, timeoutMs, this.#closing);
    left.abort(waitedEnough);
    return sequence <= this.head;
  }

  /** Takes what comes, in its order, and wakes those who wait for it. */
  take(messages: readonly StreamMessage[]): void {
    if (this.#afterHole !== undefined) {
      this.#afterHole.push(...messages);
    } else if (messages.at(-1)!.sequence - this.#last === messages.length) {
      this.#add(messages);
    } else {
      this.#afterHole = [...messages];
      void this.#addAfterHole();
    }
  }

  async #addAfterHole(): Promise<void> {
    const waiting = this.#afterHole!;
    while (waiting.length > 0) {
      const next = this.#last + 1;
      const hole = waiting.findIndex(({ sequence }, i) => sequence !== next + i);
      if (hole === 0) {
        await this.#fill(waiting[0]!.sequence);
      } else {
        this.#add(waiting.splice(0, hole < 0 ? waiting.length : hole));
      }
    }
    this.#afterHole = undefined;
  }

  /**
   * Messages before `end` are missing. If the consumer has left them out, the stream is asked
   * for them. If retention has removed them while this server was cut off, those who wait for
   * them must be told before they see what follows.
   */
  async #fill(end: number): Promise<void> {
    const until = Date.now() + holeMs;
    const lost: number[] = [];
    let next = this.#last + 1;
    while (next < end && !this.#closing.aborted && Date.now() < until) {
      try {
        const found = await this.#stream.messages(next - 1, end - 1);
        if (found.length > 0) {
          this.#add(found);
          next += found.length;
          continue;
        }
        const { first, head } = await this.#stream.look();
        this.moveFirst(first);
        if (first > next) {
          next = first;
        } else if (head >= next) {
          lost.push(next++);
        } else {
          throw new Error("a leader that is new does not know of it yet");
        }
      } catch {
        await sleep(pauseMs, undefined, { signal: this.#closing }).catch(() => {});
      }
    }
    if (next < end) {
      lost.push(next, end - 1);
    }
    if (lost.length > 0 && !this.#closing.aborted) {
      this.#logger?.error({ first: lost[0], last: lost.at(-1) }, "the stream has lost messages");
    }
    this.#last = end - 1;
  }

  #add(messages: readonly StreamMessage[]): void {
    this.#last = messages.at(-1)!.sequence;
    const ours = messages.filter(({ payload }) => isPayload(payload));
    if (ours.length < messages.length) {
      this.#logger?.error(
        { subject: this.#stream.subject, through: this.#last },
        "somebody else has posted to the log's subject: what is no message of Chatter is left out",
      );
    }
    if (ours.length > 0) {
      for (const record of sealStream(this.#stream.identity, ours)) {
        this.recent.add(record);
      }
      this.waiters.wake(this.head);
    }
  }
}
