import { orAborted } from "../../../async/abort.js";
import { type AbortSource, signalOf } from "../../../async/lazy-abort.js";
import type { Push, Sleeper, SleepingIterator } from "../../../async/push.js";
import type { Batch, MessageLog } from "../../log/message-log.js";
import type { RoomSelection } from "../../rooms/room-selection.js";
import type { Call, MessageCount } from "../call/call.js";
import type { HeadNotifier, RoomListener } from "./head-notifier.js";
import type { ReadTurns } from "./read-turns.js";

/** How long a reader that was late must be at the head before posts wait for it again, in ms. */
const lateMs = 1_000;

/** Which messages to follow, and what to yield for them. */
export interface Following<T> {
  /** The sequence after which it begins. */
  readonly after: number;
  readonly rooms: RoomSelection;
  /** How long without a message until `ofIdle` is yielded, in milliseconds; 0: never. */
  readonly idleMs: number;
  /** The reading user: readers that are behind take turns by user. */
  readonly user: string;
  /** Ends it, with the signal's reason. */
  readonly signal: AbortSource;
  /** Counts the messages that are yielded. */
  readonly count: MessageCount;
  /** Notified when all stored messages are yielded. */
  readonly call: Call | undefined;
  ofBatch(batch: Batch): T;
  /** @param place the sequence up to which everything was yielded */
  ofIdle(place: number): T;
}

/**
 * Yields stored messages after a sequence, then new ones, until the signal is aborted. It holds
 * only a position in the log: a slow consumer falls behind, and nothing is buffered for it.
 *
 * It is not a generator, and allocates next to nothing for each event: each subscriber has one, and
 * each event passes through all of them. For the same reason, a consumer that has everything is
 * pushed what comes.
 */
export class Follower<T>
  implements
    AsyncIterable<T>,
    SleepingIterator<T>,
    AsyncIterator<T, undefined>,
    RoomListener,
    EventListenerObject
{
  after: number;
  /** Posts do not wait for a reader that starts behind the head until it has reached the head. */
  lateUntil: number;
  /** Whether the next messages are no longer in memory, as far as is known. */
  #isBehind: boolean;
  #state: "new" | "catching up" | "live" | "ended" = "new";
  /** The consumer, while there is no message for it. */
  #waiting: Waiting<T> | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  readonly #log: MessageLog;
  /** Notifies when the log's head moves. */
  readonly #notifier: HeadNotifier;
  readonly #reads: ReadTurns;
  readonly #following: Following<T>;

  constructor(log: MessageLog, notifier: HeadNotifier, reads: ReadTurns, following: Following<T>) {
    this.#log = log;
    this.#notifier = notifier;
    this.#reads = reads;
    this.#following = following;

    this.after = following.after;
    this.#isBehind = following.after < log.head;
    this.lateUntil = this.#isBehind ? Number.POSITIVE_INFINITY : 0;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * @param push takes what comes while this waits. Default: it resolves to the next batch
   */
  next(push?: Push<T>): Promise<Taken<T>> {
    return this.#wait(push && { push });
  }

  nextOrSleep(sleeper: Sleeper<T>): Promise<Taken<T>> | undefined {
    const taken = this.#next(sleeper);
    if (!taken) {
      this.#sleep(sleeper);
    }
    return taken;
  }

  return(): Promise<Taken<T>> {
    this.#end();
    this.#wake({ done: true, value: undefined });
    return Promise.resolve({ done: true, value: undefined });
  }

  get user(): string {
    return this.#following.user;
  }

  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  get rooms(): RoomSelection {
    return this.#following.rooms;
  }

  wake(after: number): void {
    this.after = Math.max(this.after, after);
    try {
      const taken = this.#take(this.#waiting);
      if (taken) {
        this.#deliver(taken);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** The signal was aborted. */
  handleEvent(): void {
    this.fail(this.#following.signal.reason);
  }

  fail(error: unknown): void {
    this.#end();
    if (this.#waiting) {
      this.#wake(Promise.reject(error));
    }
  }

  #start(): void {
    const { signal } = this.#following;
    if (signal.aborted) {
      this.#state = "ended";
      return;
    }
    this.#state = "catching up";
    this.#notifier.join(this);
    signal.addEventListener("abort", this, { once: true });
  }

  #end(): void {
    this.#state = "ended";
    this.#notifier.leave(this);
    this.#following.signal.removeEventListener("abort", this);
    clearTimeout(this.#idleTimer);
  }

  #wait(consumer: Pushable<T> | undefined): Promise<Taken<T>> {
    return (
      this.#next(consumer) ??
      new Promise((wake) => {
        this.#sleep({ push: consumer?.push && ((item) => consumer.push!(item)), wake });
      })
    );
  }

  /** @param consumer who takes what comes after a read that found nothing */
  #next(consumer: Pushable<T> | undefined): Promise<Taken<T>> | undefined {
    if (this.#state === "new") {
      this.#start();
    }
    if (this.#state === "ended") {
      const { signal } = this.#following;
      // If the signal was aborted meanwhile, the consumer must still get the reason.
      return signal.aborted
        ? Promise.reject(signal.reason)
        : Promise.resolve({ done: true, value: undefined });
    }
    try {
      const taken = this.#take(consumer);
      return taken instanceof Promise ? taken : taken && Promise.resolve(taken);
    } catch (error) {
      this.#end();
      return Promise.reject(error);
    }
  }

  /** The next messages; undefined if there are none yet. */
  #take(consumer: Pushable<T> | undefined): Taken<T> | Promise<Taken<T>> | undefined {
    const found = this.#isBehind
      ? this.#reads.run(this.#following.user, () => this.#read())
      : this.#read();
    if (found instanceof Promise) {
      return found.then(
        (taken) => taken ?? this.#wait(consumer),
        (error: unknown) => {
          this.#end();
          throw error;
        },
      );
    }
    return found;
  }

  #read(): Taken<T> | undefined | Promise<Taken<T> | undefined> {
    const { head } = this.#log;
    const { rooms, signal } = this.#following;
    const batch = this.#notifier.read(
      this.after,
      rooms,
      // What is in memory is read at once; a signal would be held until the end.
      this.#isBehind ? signalOf(signal) : undefined,
    );
    if (!(batch instanceof Promise)) {
      this.#isBehind = false;
      return this.#taken(batch, head);
    }
    const found = this.#isBehind ? batch : orAborted(batch, signalOf(signal));
    this.#isBehind = true;
    return found.then((found) => this.#taken(found, head));
  }

  /** @param head the head before the read: without a batch, the rooms have nothing up to there */
  #taken(batch: Batch | undefined, head: number): Taken<T> | undefined {
    if (batch === undefined) {
      this.after = Math.max(this.after, head);
      return undefined;
    }
    this.after = batch.last;
    this.#following.count.sent += batch.count;
    return { done: false, value: this.#following.ofBatch(batch) };
  }

  #sleep(waiting: Waiting<T>): void {
    this.#waiting = waiting;
    this.#onHead();
    const { idleMs } = this.#following;
    if (idleMs > 0) {
      this.#idleTimer = setTimeout(() => this.#onIdle(), idleMs);
    }
  }

  /** It has everything. */
  #onHead(): void {
    if (this.#state === "catching up") {
      this.#state = "live";
      this.#following.call?.note("live", { after: this.after });
    }
    if (this.lateUntil === Number.POSITIVE_INFINITY) {
      this.lateUntil = performance.now() + lateMs;
    }
  }

  #onIdle(): void {
    this.after = this.#notifier.placeOf(this);
    this.#following.count.sent++;
    try {
      this.#deliver({ done: false, value: this.#following.ofIdle(this.after) });
    } catch (error) {
      this.fail(error);
    }
  }

  /**
   * Pushes what came, so that the consumer continues to wait: unless it cannot be pushed to, or
   * there is more than a batch. While the consumer is full, it does not wait.
   */
  #deliver(taken: Taken<T> | Promise<Taken<T>>): void {
    const waiting = this.#waiting;
    if (!waiting?.push || taken instanceof Promise || taken.done) {
      this.#wake(taken);
      return;
    }
    const full = waiting.push(taken.value);
    if (full) {
      clearTimeout(this.#idleTimer);
      this.#waiting = undefined;
      full.then(() => this.#resume(waiting));
      return;
    }
    const more = this.after < this.#log.head ? this.#take(waiting) : undefined;
    if (more) {
      this.#wake(more);
    } else {
      this.#onHead();
      this.#idleTimer?.refresh();
    }
  }

  /** A consumer that was full waits again. */
  #resume(waiting: Waiting<T>): void {
    const taken = this.#next(waiting);
    if (taken) {
      waiting.wake(taken);
    } else {
      this.#sleep(waiting);
    }
  }

  /** The wait of the consumer is over. */
  #wake(result: Taken<T> | Promise<Taken<T>>): void {
    clearTimeout(this.#idleTimer);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.wake(result);
  }
}

type Taken<T> = IteratorResult<T, undefined>;

interface Pushable<T> {
  readonly push?: Push<T> | undefined;
}

/** A pending `next()`, or a sleeper. */
type Waiting<T> = Pushable<T> & Pick<Sleeper<T>, "wake">;
