import { setTimeout as sleep } from "node:timers/promises";
import { within } from "../../../../async/with-timeout.js";
import { encodeRecords, type StreamMessage } from "../../../encoding/stream-payload.js";
import type { Logger } from "../../../util/logger.js";
import { HeadListeners } from "../../core/head-listeners.js";
import { TailCache } from "../../core/tail-cache.js";
import type { NatsStream } from "../stream.js";
import { MalformedMessages } from "./malformed.js";

/** Size of the newest messages in memory, with all that it takes to find them. */
const cacheBytes = 16 * 1024 * 1024;

/** How long missing messages are requested before the messages after them are shown anyway. */
const gapMs = 10_000;
const pauseMs = 200;

/** The messages of a stream that have arrived at this server, with the newest in memory. */
export class ReplicaTail {
  readonly cache: TailCache;
  readonly listeners = new HeadListeners();
  readonly #stream: NatsStream;
  readonly #closing: AbortSignal;
  readonly #logger: Logger | undefined;
  readonly #malformed: MalformedMessages;
  readonly #onHead: (newest: StreamMessage) => void;
  #first: number;
  /** Sequence of the last message that arrived, Chatter's or not. */
  #last: number;
  /** Messages that arrived after a gap, until the gap is filled or explained. */
  #afterGap: StreamMessage[] | undefined;

  constructor(
    stream: NatsStream,
    closing: AbortSignal,
    logger?: Logger,
    malformed = new MalformedMessages(logger),
    onHead: (newest: StreamMessage) => void = () => {},
  ) {
    const { first, head } = stream.place;
    this.cache = new TailCache(cacheBytes, head);
    this.#stream = stream;
    this.#closing = closing;
    this.#logger = logger;
    this.#malformed = malformed;
    this.#onHead = onHead;
    this.#first = first;
    this.#last = head;
  }

  /** Sequence of the newest message that arrived. */
  get head(): number {
    return this.cache.head;
  }

  /** Sequence of the oldest message that is kept, as far as this server knows. */
  get first(): number {
    return this.#first;
  }

  /** The stream begins with this sequence, or a later one. */
  moveFirst(first: number): void {
    if (first > this.#first) {
      this.#first = first;
      this.cache.dropBefore(first);
    }
  }

  /** Whether a message came within a time. */
  async untilCome(sequence: number, timeoutMs: number): Promise<boolean> {
    if (sequence <= this.head) {
      return true;
    }
    let unlisten = () => {};
    const come = new Promise<void>((resolve) => {
      const moved = () => sequence <= this.head && resolve();
      unlisten = this.listeners.listen({ moved, closed: () => resolve() });
    });
    await within(come, timeoutMs, this.#closing);
    unlisten();
    return sequence <= this.head;
  }

  /** Adds messages as they arrive, in order, and notifies the listeners. */
  take(messages: readonly StreamMessage[]): void {
    if (this.#afterGap !== undefined) {
      this.#afterGap.push(...messages);
    } else if (messages.at(-1)!.sequence - this.#last === messages.length) {
      this.#add(messages);
    } else {
      this.#afterGap = [...messages];
      void this.#addAfterGap();
    }
  }

  async #addAfterGap(): Promise<void> {
    const waiting = this.#afterGap!;
    while (waiting.length > 0) {
      const next = this.#last + 1;
      const gap = waiting.findIndex(({ sequence }, i) => sequence !== next + i);
      if (gap === 0) {
        await this.#fill(waiting[0]!.sequence);
      } else {
        this.#add(waiting.splice(0, gap < 0 ? waiting.length : gap));
      }
    }
    this.#afterGap = undefined;
  }

  /**
   * Messages before `end` are missing. If the consumer has skipped them, they are requested from
   * the stream. If retention has removed them while this server was disconnected, readers that wait
   * for them must get an error before they see later messages.
   */
  async #fill(end: number): Promise<void> {
    const until = performance.now() + gapMs;
    const lost: number[] = [];
    let next = this.#last + 1;
    while (next < end && !this.#closing.aborted && performance.now() < until) {
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
          throw new Error("a new leader does not have it yet");
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
    const newest = messages.at(-1)!;
    this.#last = newest.sequence;
    this.#onHead(newest);
    const ours = this.#malformed.sift(messages, this.#stream.subject);
    if (ours.length > 0) {
      const records = encodeRecords(this.#stream.identity, ours);
      for (const record of records) {
        this.cache.add(record, record.bytes);
      }
      this.listeners.notify(records);
    }
  }
}
