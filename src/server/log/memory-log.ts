import { randomBytes } from "node:crypto";
import { roomOf } from "../../protocol/rooms.js";
import { RoomSelection } from "../rooms/room-selection.js";
import type { Commit } from "./core/commit.js";
import { type DedupeOptions, DedupeWindow } from "./core/dedupe-window.js";
import { GroupCommit } from "./core/group-commit.js";
import { HeadListeners } from "./core/head-listeners.js";
import { LogClock } from "./core/log-clock.js";
import { hasLimits, isExpired, type RetentionOptions } from "./core/retention.js";
import { selectTitles } from "./core/room-titles.js";
import { TailCache } from "./core/tail-cache.js";
import { closedError, overtakenError } from "./errors.js";
import type {
  AppendResult,
  Batch,
  HeadListener,
  MessageLog,
  NewMessage,
  OnStored,
  ReadOptions,
  RoomState,
  RoomsQuery,
  StoredId,
} from "./message-log.js";
import type { LogObserver } from "./observer.js";

/** Options of `createMemoryLog`. */
export interface MemoryLogOptions {
  /** What is kept. Default: everything. */
  readonly retention?: RetentionOptions;
  /** How long ids are remembered. */
  readonly dedupe?: DedupeOptions;
  /** Called with what the log does. Default: nothing is called. */
  readonly observer?: LogObserver;
}

/**
 * A log in memory, for tests and benchmarks: it keeps every promise that does not need a disk, and
 * is gone with its process. It keeps all messages unless `retention` is set.
 *
 * @example
 * ```ts
 * const log = createMemoryLog({ retention: { maxMessages: 1_000 } });
 * await log.append([{ text: "hello", sender: "goa", messageId: "" }]);
 * const batch = await log.read(0);
 * console.log(batch?.first, batch?.last, batch?.count);
 * await log.close();
 * ```
 */
export function createMemoryLog(options: MemoryLogOptions = {}): MessageLog {
  return new MemoryLog(options);
}

class MemoryLog implements MessageLog {
  readonly identity = randomBytes(6).toString("base64url");
  readonly #retention: RetentionOptions;
  readonly #window: DedupeWindow;
  readonly #clock = new LogClock();
  readonly #commits: GroupCommit;
  readonly #listeners = new HeadListeners();
  readonly #cache = new TailCache(Number.POSITIVE_INFINITY, 0);
  #totalBytes = 0;
  #closed = false;

  constructor({ retention = {}, dedupe, observer }: MemoryLogOptions) {
    this.#retention = retention;
    this.#window = new DedupeWindow(dedupe);
    this.#commits = new GroupCommit(
      this.identity,
      this.#window,
      (commit) => this.#write(commit),
      observer,
      this.#clock,
    );
    this.#commits.start({ head: 0, sentAt: 0, totalBytes: 0 });
  }

  get head() {
    return this.#cache.head;
  }

  get first() {
    this.#retain();
    return this.#cache.first;
  }

  get writeFault() {
    return this.#commits.fault;
  }

  append(messages: readonly NewMessage[], onStored?: OnStored): Promise<AppendResult> {
    return this.#commits.append(messages, onStored);
  }

  read(after: number, options: ReadOptions = {}): Batch | undefined {
    options.signal?.throwIfAborted();
    if (this.#closed) {
      throw closedError();
    }
    const { first } = this;
    if (after + 1 < first) {
      throw overtakenError({ after, first });
    }
    return this.#cache.read(after, options);
  }

  reaches(sequence: number): boolean {
    return sequence <= this.head;
  }

  listen(listener: HeadListener): () => void {
    return this.#listeners.listen(listener);
  }

  beforeLast(count: number, rooms = RoomSelection.all, signal?: AbortSignal): number {
    signal?.throwIfAborted();
    const back = this.#cache.back(count, rooms);
    return "before" in back ? back.before : this.first - 1;
  }

  rooms(query: RoomsQuery): readonly RoomState[] {
    const { since = Number.POSITIVE_INFINITY } = query;
    this.#retain();
    return selectTitles(this.#cache.byRoom.keys(), query).map((title) => {
      const room = roomOf(title);
      const list = this.#cache.byRoom.get(room)!;
      const { last, sentAt: lastAt } = this.#cache.newestOf(room)!;
      return { room, count: list.count, last, lastAt, countSince: list.countAfter(since) };
    });
  }

  async idsBetween(after: number, through: number): Promise<readonly StoredId[]> {
    return this.#window.between(after, through);
  }

  async close(): Promise<void> {
    await this.#commits.close();
    this.#closed = true;
    this.#listeners.close();
  }

  async #write(commit: Commit): Promise<void> {
    for (const record of commit.records) {
      this.#cache.add(record, commit.frame, record.start, record.end);
    }
    this.#totalBytes = commit.totalBytes;
    this.#retain();
    this.#listeners.notify(commit.records);
  }

  #retain(): void {
    if (!hasLimits(this.#retention)) {
      return; // Every reader passes here for every message.
    }
    const place = { head: this.head, totalBytes: this.#totalBytes };
    const now = this.#clock.nowFor(this.#retention.maxAgeMs ?? 0);
    for (;;) {
      const { oldest } = this.#cache;
      if (oldest === undefined || !isExpired(oldest, place, now, this.#retention)) {
        return;
      }
      this.#cache.dropBefore(oldest.last + 1);
    }
  }
}
