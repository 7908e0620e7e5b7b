import { Code, ConnectError } from "@connectrpc/connect";
import { RoomSelection } from "../../rooms/room-selection.js";
import type { Logger } from "../../util/logger.js";
import type { Commit } from "../core/commit.js";
import { DedupeWindow } from "../core/dedupe-window.js";
import { GroupCommit } from "../core/group-commit.js";
import { HeadListeners } from "../core/head-listeners.js";
import { LogClock } from "../core/log-clock.js";
import { TailCache } from "../core/tail-cache.js";
import {
  closedError,
  folderGoneError,
  overtakenError,
  unreadableError,
  writeFaultError,
} from "../errors.js";
import type { LogFolder } from "../log-folder.js";
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
} from "../message-log.js";
import type { LogObserver } from "../observer.js";
import { diskReads } from "./disk-queues.js";
import { type FileLogOptions, segmentBytesOf } from "./file-log-options.js";
import type { FileStore } from "./file-store.js";
import { FolderWatch } from "./folder-watch.js";
import { loadIds } from "./load-ids.js";
import { isDiskFull, type OpenLog, openForWriting, reopen } from "./open-log.js";
import type { RoomPiece } from "./segments/rooms/room-reader.js";
import { Sweeper } from "./sweeper.js";
import { untilOpened } from "./until-opened.js";

export type { FileLogOptions } from "./file-log-options.js";

/** Size of the newest messages in memory, with all that it takes to find them. */
const cacheBytes = 16 * 1024 * 1024;

/**
 * Opens the log in a folder, or creates it: the engine for one machine, on append-only files. Only
 * one process can have the folder open at a time.
 *
 * Rejects with `failed_precondition` and one line that names the folder if another process has it
 * open, if it cannot be written, or if its contents are not a log or cannot be used.
 *
 * @example
 * ```ts
 * const log = await openFileLog({ dir: "./data", retention: { maxBytes: 10 * 2 ** 30 } });
 * const { positions } = await log.append([{ text: "hello", sender: "goa", messageId: "" }]);
 * console.log(positions[0]?.sequence, log.head);
 * await log.close();
 * ```
 */
export async function openFileLog(options: FileLogOptions): Promise<MessageLog> {
  const opened = await openForWriting(options.dir, segmentBytesOf(options));
  return new FileLog(options, opened);
}

class FileLog implements MessageLog {
  readonly identity: string;
  readonly #folder: LogFolder;
  readonly #segmentBytes: number;
  readonly #logger: Logger | undefined;
  readonly #observer: LogObserver | undefined;
  readonly #window: DedupeWindow;
  readonly #clock: LogClock;
  readonly #commits: GroupCommit;
  readonly #listeners = new HeadListeners();
  readonly #closing = new AbortController();
  readonly #sweeper: Sweeper;
  readonly #watch: FolderWatch;
  #open: OpenLog;
  #cache: TailCache;
  #first: number;
  #totalBytes: number;
  /** The last reported reason why files could not be removed. */
  #reportedKept = "";
  /** Ids are being loaded, or the log is being opened again; resolves when that has ended. */
  #starting: Promise<void>;

  constructor(options: FileLogOptions, opened: OpenLog) {
    this.identity = opened.identity;
    this.#folder = opened.folder;
    this.#segmentBytes = segmentBytesOf(options);
    this.#logger = options.logger;
    this.#observer = options.observer;
    this.#window = new DedupeWindow(options.dedupe);
    this.#clock = new LogClock({ logger: options.logger });
    this.#commits = new GroupCommit(
      this.identity,
      this.#window,
      (commit) => this.#write(commit),
      options.observer,
      this.#clock,
    );
    this.#open = opened;
    this.#cache = new TailCache(cacheBytes, opened.place.head);
    this.#first = opened.first;
    this.#totalBytes = opened.place.totalBytes;
    const swept = {
      store: () => (this.#commits.fault === undefined ? this.#open.store : undefined),
      standing: () => ({ first: this.#first, head: this.head, totalBytes: this.#totalBytes }),
      moveFirst: (first: number) => this.#moveFirst(first),
      failed: (error: unknown) => this.#suspendWrites(error),
      cannotRemove: (error: unknown) => this.#reportKept(error),
    };
    this.#sweeper = new Sweeper(options.retention ?? {}, this.#window, swept, this.#clock);
    this.#watch = new FolderWatch(
      () => (this.#commits.fault === undefined ? this.#open.files : []),
      (path) => this.#suspendWrites(folderGoneError({ path })),
    );
    this.#starting = this.#begin();
  }

  get head() {
    return this.#cache.head;
  }

  get first() {
    return this.#first;
  }

  get writeFault() {
    return this.#commits.fault;
  }

  append(messages: readonly NewMessage[], onStored?: OnStored): Promise<AppendResult> {
    return this.#commits.append(messages, onStored);
  }

  read(after: number, options: ReadOptions = {}): Batch | undefined | Promise<Batch | undefined> {
    const { through = this.head, limit, rooms = RoomSelection.all, signal } = options;
    signal?.throwIfAborted();
    if (this.#closing.signal.aborted) {
      throw closedError();
    }
    if (after + 1 < this.#first) {
      throw overtakenError({ after, first: this.#first });
    }
    if (after >= Math.min(this.head, through)) {
      return undefined;
    }
    if (after + 1 >= this.#cache.first) {
      return this.#cache.read(after, options);
    }
    const end = Math.min(this.head, through);
    return this.#open.store.isCoveredBy(rooms)
      ? this.#atDisk(after, signal, (store) => store.read(after, end, limit))
      : this.#readRooms(after, end, { ...options, rooms });
  }

  listen(listener: HeadListener): () => void {
    return this.#listeners.listen(listener);
  }

  reaches(sequence: number): boolean {
    return sequence <= this.head;
  }

  beforeLast(
    count: number,
    rooms = RoomSelection.all,
    signal?: AbortSignal,
  ): number | Promise<number> {
    signal?.throwIfAborted();
    const { first, head } = this;
    return this.#open.store.isCoveredBy(rooms)
      ? Math.max(first - 1, head - count)
      : this.#withStore((store) => store.beforeLast(count, rooms, first, head, signal), signal);
  }

  async rooms(query: RoomsQuery): Promise<readonly RoomState[]> {
    query.signal?.throwIfAborted();
    return this.#withStore((store) => store.rooms(query, () => this.#first), query.signal);
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
    this.#listeners.close();
    await this.#starting;
    await this.#sweeper.close();
    await this.#watch.close();
    await this.#open.close();
  }

  /**
   * The next messages of some rooms, step by step, so that other reads can use the disk in between.
   */
  async #readRooms(
    after: number,
    end: number,
    options: ReadOptions & { readonly rooms: RoomSelection },
  ): Promise<Batch | undefined> {
    const { limit, rooms, signal } = options;
    for (let at = after; at < end; ) {
      if (at + 1 >= this.#cache.first) {
        return this.#cache.read(at, { ...options, through: end });
      }
      const from = at;
      const piece: RoomPiece = await this.#atDisk(from, signal, (store) =>
        store.readRooms(from, end, rooms, limit),
      );
      if (piece.batch !== undefined) {
        return piece.batch;
      }
      at = piece.through;
    }
    return undefined;
  }

  /**
   * Reads the messages after a sequence from the disk, in turn. Rejects as `read` does. If the log
   * is opened again meanwhile, the read is repeated.
   */
  async #atDisk<T>(
    after: number,
    signal: AbortSignal | undefined,
    read: (store: FileStore) => Promise<T>,
  ): Promise<T> {
    const ask = async (store: FileStore) => {
      try {
        const found = await diskReads.run(() => read(store), signal);
        signal?.throwIfAborted();
        return found;
      } catch (error) {
        throw after + 1 < this.#first ? overtakenError({ after, first: this.#first }) : error;
      }
    };
    return this.#withStore(ask, signal);
  }

  /** Queries the store; again if it was closed meanwhile because the log was opened again. */
  async #withStore<T>(
    ask: (store: FileStore) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    for (;;) {
      const { store } = this.#open;
      try {
        return await ask(store);
      } catch (error) {
        signal?.throwIfAborted();
        if (this.#closing.signal.aborted) {
          throw closedError();
        }
        if (store === this.#open.store) {
          throw await this.#readFault(error);
        }
      }
    }
  }

  /** The error that a reader gets: it is final only if the files are those of this log. */
  async #readFault(error: unknown): Promise<ConnectError> {
    if (!(error instanceof ConnectError)) {
      return unreadableError({ cause: error });
    }
    if (error.code === Code.DataLoss && !(await this.#open.isInPlace())) {
      return unreadableError({ cause: error });
    }
    return error;
  }

  async #write(commit: Commit): Promise<void> {
    try {
      const start = performance.now();
      await this.#open.store.write(commit);
      this.#observer?.synced(performance.now() - start);
      this.#open.headFile.write(commit.last);
    } catch (error) {
      throw this.#suspendWrites(error);
    }
    for (const record of commit.records) {
      this.#cache.add(record, commit.frame, record.start, record.end);
    }
    this.#totalBytes = commit.totalBytes;
    this.#listeners.notify(commit.records);
  }

  /** Reports what was found, loads the ids, and then accepts posts. */
  async #begin(): Promise<void> {
    const { store, place, loss, diskFull, headFaults } = this.#open;
    if (headFaults.length > 0) {
      this.#logger?.warn(
        { faults: headFaults },
        "one of the two head files of the log is unusable: the other one counts",
      );
    }
    if (store.faults.length > 0) {
      this.#logger?.error(
        { faults: store.faults },
        "files of the log are damaged or missing: reading what was there ends with data_loss",
      );
    }
    if (loss !== undefined) {
      this.#logger?.error(
        { err: loss },
        "the end of the log is damaged or missing: its readers get data_loss, new messages follow it",
      );
    }
    this.#sweeper.pause();
    this.#clock.start(place.sentAt);
    await loadIds(store, this.#window, this.#clock, this.#closing.signal, this.#logger);
    if (this.#closing.signal.aborted) {
      return;
    }
    if (diskFull !== undefined) {
      this.#suspendWrites(diskFull);
      return;
    }
    this.#sweeper.resume();
    this.#commits.start(place);
  }

  /** Stops accepting posts and has the log opened again. Returns the error that posts get. */
  #suspendWrites(cause: unknown): ConnectError {
    const fault = writeFaultError({ cause });
    if (this.#commits.fault === undefined) {
      this.#observer?.failed();
      this.#logger?.error(
        { err: cause },
        "the log cannot be written to: no messages are accepted until it is open again",
      );
      this.#commits.stop(fault);
      this.#starting = this.#starting.then(() => this.#recover());
    }
    return fault;
  }

  /**
   * Opens the log again, with as many attempts as it takes. Readers keep what they have until then.
   */
  async #recover(): Promise<void> {
    await this.#commits.idle();
    await this.#sweeper.idle();
    await this.#open.store.idle();
    const { signal } = this.#closing;
    const attempt = async () => {
      try {
        return await reopen(this.#folder, this.#open, this.head, this.#segmentBytes);
      } catch (error) {
        if (isDiskFull(error)) {
          await this.#makeRoom();
        }
        throw error;
      }
    };
    const opened = await untilOpened(attempt, signal, this.#logger);
    if (opened === undefined) {
      return;
    }
    const before = this.#open;
    this.#open = opened;
    // Messages of the failed commit that were stored after all are part of the log now.
    if (opened.place.head > this.head) {
      this.#cache = new TailCache(cacheBytes, opened.place.head);
      this.#listeners.notify(undefined);
    }
    this.#first = Math.max(this.#first, opened.first);
    this.#totalBytes = opened.place.totalBytes;
    await before.replaceBy(opened);
    this.#logger?.info({ head: this.head }, "the log is open again and accepts messages");
    await this.#begin();
  }

  /** Removes expired messages while a full disk keeps the log from being opened. */
  async #makeRoom(): Promise<void> {
    const { store, headFile } = this.#open;
    // Another folder, or that of another process: this log may remove nothing there.
    if (!(await this.#open.isInPlace())) {
      return;
    }
    try {
      await this.#sweeper.makeRoom(store, (first) => headFile.writeFirst(first));
    } catch (error) {
      this.#reportKept(error);
    }
  }

  /** Logs why files of removed messages still exist, once for each reason. */
  #reportKept(error: unknown): void {
    const { message } = error as Error;
    if (message !== this.#reportedKept) {
      this.#reportedKept = message;
      this.#logger?.warn({ err: error }, "files of removed messages cannot be removed yet");
    }
  }

  #moveFirst(first: number): void {
    this.#first = first;
    this.#cache.dropBefore(first);
  }
}
