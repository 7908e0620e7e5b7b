import { randomBytes } from "node:crypto";
import type { Commit } from "./commit.js";
import { type DedupeOptions, DedupeWindow } from "./dedupe-window.js";
import { GroupCommit } from "./group-commit.js";
import { closedError, overtakenError } from "./log-errors.js";
import type { LogObserver } from "./log-observer.js";
import type {
  AppendResult,
  Batch,
  MessageLog,
  NewMessage,
  ReadOptions,
  StoredId,
} from "./message-log.js";
import { Recent } from "./recent.js";
import { hasLimits, isSurplus, type RetentionOptions } from "./retention.js";
import { Waiters } from "./waiters.js";

/** Options of `createMemoryLog`. */
export interface MemoryLogOptions {
  /** What is kept. Default: everything. */
  readonly retention?: RetentionOptions;
  /** How long ids are remembered. */
  readonly dedupe?: DedupeOptions;
  /** Told what the log does. Default: nobody. */
  readonly observer?: LogObserver;
}

/**
 * A log in memory, for tests and benchmarks: it keeps every promise but those that need a
 * disk, and is gone with its process.
 */
export function createMemoryLog(options: MemoryLogOptions = {}): MessageLog {
  return new MemoryLog(options);
}

class MemoryLog implements MessageLog {
  readonly identity = randomBytes(6).toString("base64url");
  readonly #retention: RetentionOptions;
  readonly #window: DedupeWindow;
  readonly #commits: GroupCommit;
  readonly #waiters = new Waiters();
  readonly #recent = new Recent(Number.POSITIVE_INFINITY, 0);
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
    );
    this.#commits.start({ head: 0, sentAt: 0, totalBytes: 0 });
  }

  get head() {
    return this.#recent.head;
  }

  get first() {
    this.#retain();
    return this.#recent.first;
  }

  get writeFault() {
    return this.#commits.fault;
  }

  append(messages: readonly NewMessage[]): Promise<AppendResult> {
    return this.#commits.append(messages);
  }

  read(after: number, { through, limit, signal }: ReadOptions = {}): Batch | undefined {
    signal?.throwIfAborted();
    if (this.#closed) {
      throw closedError();
    }
    const { first } = this;
    if (after + 1 < first) {
      throw overtakenError(after, first);
    }
    return this.#recent.read(after, through, limit);
  }

  wait(after: number, signal: AbortSignal): Promise<void> {
    return this.#waiters.wait(after, this.head, signal);
  }

  reaches(sequence: number): boolean {
    return sequence <= this.head;
  }

  beforeLast(count: number): number {
    return Math.max(this.first - 1, this.head - count);
  }

  async idsBetween(after: number, through: number): Promise<readonly StoredId[]> {
    return this.#window.between(after, through);
  }

  async close(): Promise<void> {
    await this.#commits.close();
    this.#closed = true;
    this.#waiters.close();
  }

  async #write(commit: Commit): Promise<void> {
    for (const record of commit.records) {
      this.#recent.add(record);
    }
    this.#totalBytes = commit.totalBytes;
    this.#retain();
    this.#waiters.wake(this.head);
  }

  #retain(): void {
    if (!hasLimits(this.#retention)) {
      return; // Each reader comes by for each message.
    }
    const place = { head: this.head, totalBytes: this.#totalBytes };
    for (;;) {
      const { oldest } = this.#recent;
      if (oldest === undefined || !isSurplus(oldest, place, Date.now(), this.#retention)) {
        return;
      }
      this.#recent.dropBefore(oldest.last + 1);
    }
  }
}
