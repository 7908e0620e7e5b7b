import type { Batch, MessageLog } from "../log/message-log.js";
import type { Call, MessageCount } from "./call.js";
import type { HeadBell, Sleeper } from "./head-bell.js";

/** What to follow of the log, and what to give of it. */
export interface Following<T> {
  /** Start after this sequence. */
  readonly after: number;
  /** How long nothing may come before `ofIdle` is given, in milliseconds; 0: never. */
  readonly idleMs: number;
  /** Ends it, with the signal's reason. */
  readonly signal: AbortSignal;
  /** Counts the messages that are given. */
  readonly count: MessageCount;
  /** Is told when all that was stored is given. */
  readonly call: Call | undefined;
  ofBatch(batch: Batch): T;
  /** @param last the sequence of the last message that was given */
  ofIdle(last: number): T;
}

/**
 * Stored messages after a sequence, then what is added, until the signal. The place in the
 * log is all that is held: a slow taker is behind, not buffered.
 *
 * No generator, and next to nothing that is made anew for each event: there is one of these
 * for each subscriber, and each event goes through all of them.
 */
export class Follower<T> implements AsyncIterableIterator<T>, Sleeper, EventListenerObject {
  after: number;
  private state: "new" | "catching up" | "live" | "ended" = "new";
  /** The taker, while there is nothing for it. */
  private taker:
    | { resolve(result: Taken<T> | Promise<Taken<T>>): void; reject(reason: unknown): void }
    | undefined;
  private idleTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly log: MessageLog,
    /** Rings when the log's head moves. */
    private readonly bell: HeadBell,
    private readonly following: Following<T>,
  ) {
    this.after = following.after;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Taken<T>> {
    if (this.state === "new") {
      this.start();
    }
    // Of one that the signal has ended meanwhile the taker is still to hear why.
    if (this.state === "ended" && !this.following.signal.aborted) {
      return Promise.resolve({ done: true, value: undefined });
    }
    try {
      const taken = this.take();
      return taken instanceof Promise ? taken : taken ? Promise.resolve(taken) : this.sleep();
    } catch (error) {
      this.end();
      return Promise.reject(error);
    }
  }

  return(): Promise<Taken<T>> {
    this.end();
    this.give({ done: true, value: undefined });
    return Promise.resolve({ done: true, value: undefined });
  }

  get asleep(): boolean {
    return this.taker !== undefined;
  }

  wake(): void {
    try {
      const taken = this.take();
      if (taken) {
        this.give(taken);
      } else {
        this.bell.ringAfter(this.after);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** The signal was aborted. */
  handleEvent(): void {
    this.fail(this.following.signal.reason);
  }

  fail(error: unknown): void {
    this.end();
    this.taker?.reject(error);
    this.taker = undefined;
  }

  private start(): void {
    const { signal } = this.following;
    this.state = "catching up";
    this.bell.join(this);
    signal.addEventListener("abort", this, { once: true });
  }

  private end(): void {
    this.state = "ended";
    this.bell.leave(this);
    this.following.signal.removeEventListener("abort", this);
    clearTimeout(this.idleTimer);
  }

  /** What follows in the log; undefined if nothing does. */
  private take(): Taken<T> | Promise<Taken<T>> | undefined {
    const batch = this.log.read(this.after, this.following);
    if (batch instanceof Promise) {
      return batch.then(
        (found) => (found ? this.taken(found) : this.next()),
        (error: unknown) => {
          this.end();
          throw error;
        },
      );
    }
    return batch && this.taken(batch);
  }

  private taken(batch: Batch): Taken<T> {
    this.after = batch.last;
    this.following.count.sent += batch.count;
    return { done: false, value: this.following.ofBatch(batch) };
  }

  private sleep(): Promise<Taken<T>> {
    const { idleMs, call } = this.following;
    if (this.state === "catching up") {
      this.state = "live";
      call?.note("live", { after: this.after });
    }
    return new Promise((resolve, reject) => {
      this.taker = { resolve, reject };
      this.bell.ringAfter(this.after);
      if (idleMs > 0) {
        this.idleTimer = setTimeout(() => {
          this.following.count.sent++;
          this.give({ done: false, value: this.following.ofIdle(this.after) });
        }, idleMs);
      }
    });
  }

  private give(taken: Taken<T> | Promise<Taken<T>>): void {
    clearTimeout(this.idleTimer);
    this.taker?.resolve(taken);
    this.taker = undefined;
  }
}

type Taken<T> = IteratorResult<T, undefined>;
