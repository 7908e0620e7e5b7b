import type { ConnectError } from "@connectrpc/connect";
import type { Commit } from "./commit.js";
import { type DedupeOptions, DedupeWindow } from "./dedupe-window.js";
import { GroupCommit } from "./group-commit.js";
import { HeadWitness } from "./head-witness.js";
import type { LevelStore } from "./level-store.js";
import { loadIds } from "./load-ids.js";
import { closedError, overtakenError, reopeningError, writeFaultError } from "./log-errors.js";
import { type LogFolder, prepareFolder } from "./log-folder.js";
import type { LogLogger } from "./log-logger.js";
import type { LogObserver } from "./log-observer.js";
import type {
  AppendResult,
  Batch,
  MessageLog,
  NewMessage,
  ReadOptions,
  StoredId,
} from "./message-log.js";
import { type OpenedStore, openStore } from "./open-store.js";
import { Recent } from "./recent.js";
import type { RetentionOptions } from "./retention.js";
import { Sweeper } from "./sweeper.js";
import { untilOpened } from "./until-opened.js";
import { Waiters } from "./waiters.js";

/** Options of `openLevelLog`. */
export interface LevelLogOptions {
  /** The log's folder, made if it is not there. It may hold other things too. */
  readonly dir: string;
  /** What is kept. Default: everything. */
  readonly retention?: RetentionOptions;
  /** How long, and how many, ids of messages are remembered. */
  readonly dedupe?: DedupeOptions;
  /** Default: nothing is said. */
  readonly logger?: LogLogger;
  /** Told what the log does. Default: nobody. */
  readonly observer?: LogObserver;
}

/** Bytes of the newest messages that are held in memory. */
const recentBytes = 8 * 1024 * 1024;

/**
 * Opens the log in a folder, or makes one: the engine for one machine, on LevelDB. One
 * process has the folder at a time.
 *
 * Rejects with `failed_precondition` and one line that names the folder if another process
 * has it, if it cannot be written, or if what is there is no log or cannot be used.
 */
export async function openLevelLog(options: LevelLogOptions): Promise<MessageLog> {
  const folder = await prepareFolder(options.dir);
  const opened = await openStore(folder);
  try {
    const { identity, place } = opened;
    const witness = new HeadWitness(folder.witness, { identity, head: place.head });
    return new LevelLog(options, folder, opened, witness);
  } catch (error) {
    await opened.store.close();
    throw error;
  }
}

class LevelLog implements MessageLog {
  readonly identity: string;
  readonly #folder: LogFolder;
  readonly #logger: LogLogger | undefined;
  readonly #observer: LogObserver | undefined;
  readonly #witness: HeadWitness;
  readonly #window: DedupeWindow;
  readonly #commits: GroupCommit;
  readonly #waiters = new Waiters();
  readonly #closing = new AbortController();
  /** Undefined between an attempt to open it again that failed and the next. */
  #store: LevelStore | undefined;
  #recent: Recent;
  #first: number;
  #totalBytes: number;
  /** Ids are read in, or the store is opened again; resolves when that has ended. */
  #starting: Promise<void>;
  /** The attempt to open the store again that is under way. */
  #reopening: Promise<void> | undefined;
  readonly #sweeper: Sweeper;

  constructor(
    options: LevelLogOptions,
    folder: LogFolder,
    opened: OpenedStore,
    witness: HeadWitness,
  ) {
    this.identity = opened.identity;
    this.#folder = folder;
    this.#logger = options.logger;
    this.#observer = options.observer;
    this.#witness = witness;
    this.#window = new DedupeWindow(options.dedupe);
    this.#commits = new GroupCommit(
      this.identity,
      this.#window,
      (commit) => this.#write(commit),
      options.observer,
    );
    this.#recent = new Recent(recentBytes, opened.place.head);
    this.#first = opened.first;
    this.#totalBytes = opened.place.totalBytes;
    this.#sweeper = new Sweeper(options.retention ?? {}, this.#window, {
      store: () => (this.#commits.fault === undefined ? this.#store : undefined),
      standing: () => ({ first: this.#first, head: this.head, totalBytes: this.#totalBytes }),
      remove: (store, keys, first) => this.#remove(store, keys, first),
      failed: (error) => this.#fence(error),
    });
    this.#starting = this.#begin(opened);
  }

  get head() {
    return this.#recent.head;
  }

  get first() {
    return this.#first;
  }

  get writeFault() {
    return this.#commits.fault;
  }

  append(messages: readonly NewMessage[]): Promise<AppendResult> {
    return this.#commits.append(messages);
  }

  read(
    after: number,
    { through, limit, signal }: ReadOptions = {},
  ): Batch | undefined | Promise<Batch | undefined> {
    signal?.throwIfAborted();
    if (this.#closing.signal.aborted) {
      throw closedError();
    }
    if (after + 1 < this.#first) {
      throw overtakenError(after, this.#first);
    }
    if (after >= Math.min(this.head, through ?? this.head)) {
      return undefined;
    }
    if (after + 1 >= this.#recent.first) {
      return this.#recent.read(after, through, limit);
    }
    return this.#readStore(after, Math.min(this.head, through ?? this.head), limit, signal);
  }

  wait(after: number, signal: AbortSignal): Promise<void> {
    return this.#waiters.wait(after, this.head, signal);
  }

  reaches(sequence: number): boolean {
    return sequence <= this.head;
  }

  beforeLast(count: number): number {
    return Math.max(this.#first - 1, this.head - count);
  }

  async idsBetween(after: number, through: number): Promise<readonly StoredId[]> {
    await this.#starting;
    return this.#window.between(after, through);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) {
      return;
    }
    this.#closing.abort();
    await this.#commits.close();
    this.#waiters.close();
    await this.#starting;
    await this.#sweeper.close();
    await this.#store?.close();
    this.#witness.close();
  }

  async #readStore(
    after: number,
    through: number,
    limit: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Batch> {
    for (;;) {
      await this.#reopening;
      signal?.throwIfAborted();
      const store = this.#store;
      if (store === undefined) {
        throw this.#closing.signal.aborted ? closedError() : reopeningError();
      }
      try {
        const batch = await store.read(after, through, limit);
        signal?.throwIfAborted();
        return batch;
      } catch (error) {
        signal?.throwIfAborted();
        // The store was closed under it: to be opened again, or for good.
        if (this.#reopening !== undefined || store !== this.#store) {
          continue;
        }
        if (this.#closing.signal.aborted) {
          throw closedError();
        }
        if (after + 1 < this.#first) {
          throw overtakenError(after, this.#first);
        }
        throw error;
      }
    }
  }

  async #write(commit: Commit): Promise<void> {
    try {
      const start = performance.now();
      await this.#store!.write(commit);
      this.#observer?.synced(performance.now() - start);
      this.#witness.write(commit.last);
    } catch (error) {
      throw this.#fence(error);
    }
    for (const record of commit.records) {
      this.#recent.add(record);
    }
    this.#totalBytes = commit.totalBytes;
    this.#waiters.wake(this.head);
  }

  /** Says what a store that was opened has to say, reads its ids in, and lets posts come. */
  async #begin(opened: OpenedStore): Promise<void> {
    this.#store = opened.store;
    if (opened.loss !== undefined) {
      this.#logger?.error(
        { err: opened.loss },
        "the end of the log is damaged or missing: its readers get data_loss, new messages follow it",
      );
    }
    this.#sweeper.pause();
    await loadIds(opened.store, this.#window, this.#closing.signal, this.#logger);
    if (!this.#closing.signal.aborted) {
      this.#sweeper.resume();
      this.#commits.start(opened.place);
    }
  }

  /** Takes no more posts and has the store opened again. Returns what posts get. */
  #fence(cause: unknown): ConnectError {
    const fault = writeFaultError(cause);
    if (this.#commits.fault === undefined) {
      this.#observer?.failed();
      this.#logger?.error(
        { err: cause },
        "a write to the log's disk failed: no messages are taken",
      );
      this.#commits.stop(fault);
      this.#starting = this.#starting.then(() => this.#recover());
    }
    return fault;
  }

  /** Opens the store again, as often as it takes. */
  async #recover(): Promise<void> {
    await this.#commits.idle();
    await this.#sweeper.idle();
    const { signal } = this.#closing;
    const opened = await untilOpened(this.#folder, () => this.#reopen(), signal, this.#logger);
    if (opened !== undefined) {
      this.#logger?.info({ head: this.head }, "the log was opened again and takes messages");
      await this.#begin(opened);
    }
  }

  async #reopen(): Promise<OpenedStore> {
    const attempt = this.#closeAndOpen();
    this.#reopening = attempt.then(
      () => {},
      () => {},
    );
    try {
      return await attempt;
    } finally {
      this.#reopening = undefined;
    }
  }

  async #closeAndOpen(): Promise<OpenedStore> {
    const before = this.#store;
    this.#store = undefined;
    await before?.close();
    const opened = await openStore(this.#folder);
    this.#store = opened.store;
    // Messages of the failed commit that are there after all are in the log now.
    if (opened.place.head > this.head) {
      this.#recent = new Recent(recentBytes, opened.place.head);
      this.#witness.write(this.head);
      this.#waiters.wake(this.head);
    }
    this.#first = opened.first;
    this.#totalBytes = opened.place.totalBytes;
    return opened;
  }

  /** Removes records up to `first`, which are `keys`: out of sight, then off the disk. */
  async #remove(store: LevelStore, keys: readonly Buffer[], first: number): Promise<void> {
    this.#first = first;
    this.#recent.dropBefore(first);
    await store.remove(keys, { identity: this.identity, first });
  }
}
