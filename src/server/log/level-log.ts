import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectError } from "@connectrpc/connect";
import type { Commit } from "./commit.js";
import { type DedupeOptions, DedupeWindow } from "./dedupe-window.js";
import { GroupCommit } from "./group-commit.js";
import { HeadWitness } from "./head-witness.js";
import type { LevelStore } from "./level-store.js";
import { closedError, overtakenError, reopeningError, writeFaultError } from "./log-errors.js";
import { type LogFolder, prepareFolder, probeSpace } from "./log-folder.js";
import type { AppendResult, Batch, MessageLog, NewMessage, ReadOptions } from "./message-log.js";
import { type OpenedStore, openStore } from "./open-store.js";
import { Recent } from "./recent.js";
import { keySequence } from "./record.js";
import { hasLimits, type RetentionOptions, surplusEnd } from "./retention.js";
import { Waiters } from "./waiters.js";

/** What the engine says to its operator goes here. A pino logger will do. */
export interface LogLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

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
}

/** Bytes of the newest messages that are held in memory. */
const recentBytes = 8 * 1024 * 1024;
/** How often what is too old is removed. */
const sweepIntervalMs = 1000;
/** Ids that one sweep drops from memory: a few milliseconds' work. */
const idsAtOnce = 20_000;
/** Waits between attempts to open the store again: doubled from the first to the last. */
const reopenDelaysMs = { first: 100, last: 5000 };

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
  readonly #retention: RetentionOptions;
  readonly #logger: LogLogger | undefined;
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
  #sweeping: Promise<void> | undefined;
  #idsLoaded = false;
  /** Records of ids that end before this are gone. */
  #idsFrom = 0;
  readonly #sweepTimer: NodeJS.Timeout;

  constructor(
    options: LevelLogOptions,
    folder: LogFolder,
    opened: OpenedStore,
    witness: HeadWitness,
  ) {
    this.identity = opened.identity;
    this.#folder = folder;
    this.#retention = options.retention ?? {};
    this.#logger = options.logger;
    this.#witness = witness;
    this.#window = new DedupeWindow(options.dedupe);
    this.#commits = new GroupCommit(this.identity, this.#window, (commit) => this.#write(commit));
    this.#recent = new Recent(recentBytes, opened.place.head);
    this.#first = opened.first;
    this.#totalBytes = opened.place.totalBytes;
    this.#starting = this.#begin(opened);
    this.#sweepTimer = setInterval(() => {
      this.#sweeping ??= this.#sweep().finally(() => {
        this.#sweeping = undefined;
      });
    }, sweepIntervalMs);
    this.#sweepTimer.unref();
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

  beforeLast(count: number): number {
    return Math.max(this.#first - 1, this.head - count);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) {
      return;
    }
    this.#closing.abort();
    clearInterval(this.#sweepTimer);
    await this.#commits.close();
    this.#waiters.close();
    await this.#starting;
    await this.#sweeping;
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
      await this.#store!.write(commit);
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
    this.#idsLoaded = false;
    this.#window.clear();
    const horizon = this.#window.horizon(Date.now());
    try {
      for await (const records of opened.store.ids()) {
        if (this.#closing.signal.aborted) {
          return;
        }
        for (const record of records) {
          if (record === undefined) {
            this.#logger?.error(
              {},
              "a record of message ids is damaged: repeats of these may be stored",
            );
          } else if (record.sentAt >= horizon) {
            for (const { hashed, sequence } of record.ids) {
              this.#window.add(hashed, sequence, record.sentAt);
            }
          }
        }
      }
    } catch (error) {
      this.#logger?.error({ err: error }, "message ids cannot be read: repeats may be stored");
    }
    if (!this.#closing.signal.aborted) {
      this.#idsLoaded = true;
      this.#commits.start(opened.place);
    }
  }

  /** Takes no more posts and has the store opened again. Returns what posts get. */
  #fence(cause: unknown): ConnectError {
    const fault = writeFaultError(cause);
    if (this.#commits.fault === undefined) {
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
    await this.#sweeping;
    for (
      let delay = reopenDelaysMs.first;
      !this.#closing.signal.aborted;
      delay = Math.min(delay * 2, reopenDelaysMs.last)
    ) {
      try {
        await sleep(delay, undefined, { signal: this.#closing.signal });
        await probeSpace(this.#folder);
        const opened = await this.#reopen();
        this.#logger?.info({ head: this.head }, "the log was opened again and takes messages");
        await this.#begin(opened);
        return;
      } catch (error) {
        if (!this.#closing.signal.aborted) {
          this.#logger?.warn({ err: error }, "the log cannot be opened again yet");
        }
      }
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

  /** Removes what is beyond the limits, and ids that are too old, in small steps. */
  async #sweep(): Promise<void> {
    try {
      if (hasLimits(this.#retention)) {
        while (await this.#removeSurplus()) {}
      }
      await this.#removeIds();
    } catch (error) {
      this.#fence(error);
    }
  }

  /** The store, if it may be written to. */
  get #writable(): LevelStore | undefined {
    return this.#commits.fault === undefined ? this.#store : undefined;
  }

  /** Removes some records; false if there is nothing (more) to remove. */
  async #removeSurplus(): Promise<boolean> {
    const store = this.#writable;
    if (store === undefined) {
      return false;
    }
    const place = { head: this.head, totalBytes: this.#totalBytes };
    const found = await store.oldest(this.#first - 1, place.head);
    const end = surplusEnd(found, place, Date.now(), this.#retention);
    if (end === 0) {
      return false;
    }
    // First out of sight, then off the disk: no reader takes it for a loss.
    this.#first = keySequence(found[end - 1]!.key)! + 1;
    this.#recent.dropBefore(this.#first);
    const keys = found.slice(0, end).map(({ key }) => key);
    await store.remove(keys, { identity: this.identity, first: this.#first });
    return end === found.length;
  }

  async #removeIds(): Promise<void> {
    if (!this.#idsLoaded) {
      return;
    }
    this.#window.expire(Date.now(), idsAtOnce);
    const before = this.#window.oldestSequence ?? this.head + 1;
    while (this.#idsFrom < before && this.#writable !== undefined) {
      this.#idsFrom = await this.#writable.removeIds(this.#idsFrom, before);
    }
  }
}
