import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import type { LogLogger } from "./log-logger.js";
import type { Batch } from "./message-log.js";
import type { NatsLink } from "./nats-link.js";
import { isPayload, sealStream } from "./nats-payload.js";
import { NatsReader } from "./nats-reader.js";
import type { NatsStream } from "./nats-stream.js";

/** How many consumers read at the same time; more readers wait for their turn. */
const maxReaders = 8;

/** A consumer that nobody reads on with is let go of after so long. */
const idleMs = 3000;
const pauseMs = 250;

/** Bytes of batches that were read and may be of use to others. */
const maxHeldBytes = 16 * 1024 * 1024;

/** A batch that was read, and the sequence that it follows. */
interface Held {
  readonly after: number;
  readonly batch: Batch;
}

/** A wish for what follows a sequence, of all who have it. */
interface Wish {
  readonly after: number;
  /** What there is goes at least so far. */
  readonly through: number;
  /** How many wait for it; nobody: it need not be read. */
  waiting: number;
  readonly granted: Promise<Batch | undefined>;
  readonly grant: (batch: Batch | undefined) => void;
  readonly fail: (error: unknown) => void;
}

interface IdleReader {
  readonly reader: NatsReader;
  readonly timer: NodeJS.Timeout;
}

/**
 * Reads what the server no longer has in memory, with short-lived consumers: a few at a time,
 * shared by readers at the same place. What was read is held for a while, since readers who
 * are behind are often behind by the same.
 */
export class NatsCatchUp {
  readonly #link: NatsLink;
  readonly #stream: NatsStream;
  readonly #check: (after: number) => Promise<void>;
  readonly #logger: LogLogger | undefined;
  readonly #closing = new AbortController();
  /** Newest last. */
  #held: Held[] = [];
  #heldBytes = 0;
  /** By the sequence that they follow. */
  readonly #wishes = new Map<number, Wish>();
  /** Those that no reader has taken on. */
  readonly #queue: Wish[] = [];
  readonly #fulfilling = new Set<Promise<void>>();
  /** Readers that nobody reads with, the one that was used last at the end. */
  #idle: IdleReader[] = [];

  /**
   * @param check rejects with a `ConnectError` if what follows a sequence is not kept, with
   * any other error if that cannot be told now
   */
  constructor(
    link: NatsLink,
    stream: NatsStream,
    check: (after: number) => Promise<void>,
    logger?: LogLogger,
  ) {
    this.#link = link;
    this.#stream = stream;
    this.#check = check;
    this.#logger = logger;
  }

  /**
   * A batch that has what follows `after`, of a log that goes on to `through` at least. While
   * JetStream is away, it waits. Rejects with the signal's reason, or with what `check` has
   * against it. Undefined, after a while, if all that follows is no message of Chatter.
   */
  async read(after: number, through: number, signal?: AbortSignal): Promise<Batch | undefined> {
    const held = this.#held.findLast((held) => held.after <= after && held.batch.last > after);
    if (held !== undefined) {
      return held.batch;
    }
    const wish = this.#wishes.get(after) ?? this.#wish(after, through);
    wish.waiting++;
    let leave = () => {};
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(signal?.reason);
      signal?.addEventListener("abort", leave, { once: true });
    });
    try {
      return await Promise.race([wish.granted, left]);
    } finally {
      signal?.removeEventListener("abort", leave);
      wish.waiting--;
    }
  }

  /** Lets go of all readers. Those who wait get the error. */
  async close(error: Error): Promise<void> {
    this.#closing.abort();
    for (const wish of this.#wishes.values()) {
      wish.fail(error);
    }
    await Promise.all(this.#fulfilling);
    this.#held = [];
    await Promise.all(this.#idle.splice(0).map(letGo));
  }

  #wish(after: number, through: number): Wish {
    let grant: Wish["grant"] = () => {};
    let fail: Wish["fail"] = () => {};
    const granted = new Promise<Batch | undefined>((resolve, reject) => {
      grant = resolve;
      fail = reject;
    });
    granted.catch(() => {}); // All who wait may have left.
    const wish = { after, through, waiting: 0, granted, grant, fail };
    this.#wishes.set(after, wish);
    this.#queue.push(wish);
    queueMicrotask(() => this.#serve());
    return wish;
  }

  /** Takes wishes on, as many as there may be readers. */
  #serve(): void {
    while (this.#fulfilling.size < maxReaders && !this.#closing.signal.aborted) {
      const wish = this.#queue.shift();
      if (wish === undefined) {
        return;
      }
      const fulfilling = this.#fulfil(wish).finally(() => {
        this.#fulfilling.delete(fulfilling);
        this.#wishes.delete(wish.after);
        this.#serve();
      });
      this.#fulfilling.add(fulfilling);
    }
  }

  /** Reads for a wish until there is something, or nobody waits any more. */
  async #fulfil(wish: Wish): Promise<void> {
    const { signal } = this.#closing;
    const { after } = wish;
    let reader = wish.waiting > 0 ? this.#idleAt(after) : undefined;
    while (wish.waiting > 0 && !signal.aborted) {
      try {
        await this.#link.up;
        reader ??= await NatsReader.open(this.#link, this.#stream, after);
        let messages = await reader.read(wish.through - after);
        if (messages[0]?.sequence !== after + 1) {
          await this.#check(after);
          const missing = await this.#stream.messages(after, wish.through);
          if (missing.some(({ payload }) => isPayload(payload))) {
            // The consumer has left them out: what its node has is not all.
            await reader.close();
            reader = undefined;
            messages = missing.filter(({ payload }) => isPayload(payload));
          } else if (missing.length === 0 && messages.length > 0) {
            const last = messages[0]!.sequence - 1;
            this.#logger?.error({ first: after + 1, last }, "the stream has lost messages");
          }
        }
        if (messages.length > 0) {
          wish.grant(this.#hold(after, sealStream(this.#stream.identity, messages)));
          break;
        }
        if (reader !== undefined && reader.after >= wish.through) {
          await sleep(pauseMs, undefined, { signal });
          wish.grant(undefined);
          break;
        }
      } catch (error) {
        if (error instanceof ConnectError) {
          wish.fail(error);
          break;
        }
        // JetStream is away, or the reader's consumer is gone.
        await reader?.close();
        reader = undefined;
      }
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
    }
    if (reader !== undefined) {
      this.#park(reader);
    }
    wish.grant(undefined); // To those who came when it was given up already.
  }

  /** The idle reader that stands at a place. */
  #idleAt(after: number): NatsReader | undefined {
    const index = this.#idle.findIndex(({ reader }) => reader.after === after);
    if (index < 0) {
      return undefined;
    }
    const [{ reader, timer }] = this.#idle.splice(index, 1) as [IdleReader];
    clearTimeout(timer);
    return reader;
  }

  #park(reader: NatsReader): void {
    const idle = { reader, timer: setTimeout(() => this.#forget(idle), idleMs) };
    this.#idle.push(idle);
    if (this.#idle.length > maxReaders) {
      this.#forget(this.#idle[0]!);
    }
  }

  #forget(idle: IdleReader): void {
    this.#idle = this.#idle.filter((other) => other !== idle);
    void letGo(idle);
  }

  /** Keeps batches that follow a sequence for others. Returns the first of them. */
  #hold(after: number, batches: readonly Batch[]): Batch {
    let before = after;
    for (const batch of batches) {
      this.#held.push({ after: before, batch });
      this.#heldBytes += batch.bytes.length;
      before = batch.last;
    }
    while (this.#heldBytes > maxHeldBytes) {
      this.#heldBytes -= this.#held.shift()!.batch.bytes.length;
    }
    return batches[0]!;
  }
}

function letGo({ reader, timer }: IdleReader): Promise<void> {
  clearTimeout(timer);
  return reader.close();
}
