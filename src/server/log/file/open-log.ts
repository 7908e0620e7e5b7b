import { isSameFile } from "../../util/file-lock.js";
import type { LogPlace } from "../core/group-commit.js";
import { type LogFolder, prepareFolder, probeSpace, removeLeftovers } from "../log-folder.js";
import { cannotOpen } from "./errors.js";
import type { FileStore } from "./file-store.js";
import type { FolderLock } from "./folder-lock.js";
import type { WatchedFile } from "./folder-watch.js";
import { HeadFile } from "./head-file.js";
import { type OpenedStore, type OpenOptions, openStore } from "./open-store.js";

/** A log that was opened for writing: everything that must be open for that. */
export class OpenLog {
  readonly folder: LogFolder;
  readonly store: FileStore;
  readonly headFile: HeadFile;
  readonly identity: string;
  /** Sequence of the oldest message that is kept. */
  readonly first: number;
  readonly place: LogPlace;
  /** What is missing between the last intact record and the head; undefined: nothing. */
  readonly loss: Error | undefined;
  /**
   * Why nothing can be written yet: the disk was full at the start. Undefined: writes are possible.
   */
  readonly diskFull: Error | undefined;
  /** What was wrong with the files that say how far the log had come, for the operator. */
  readonly headFaults: readonly string[];
  readonly #lock: FolderLock;

  constructor(folder: LogFolder, opened: OpenedStore, headFile: HeadFile, diskFull?: Error) {
    this.folder = folder;
    this.store = opened.store;
    this.headFile = headFile;
    this.identity = opened.identity;
    this.first = opened.first;
    this.place = opened.place;
    this.loss = opened.loss;
    this.diskFull = diskFull;
    this.headFaults = [...opened.headFaults, ...headFile.faults];
    this.#lock = opened.lock;
  }

  /** The files that are written, and the lock: without it another process could write, too. */
  get files(): readonly WatchedFile[] {
    const { active } = this.store;
    const { file } = this.#lock;
    return [...this.headFile.files, active, file].filter((found) => found !== undefined);
  }

  /** The lock, if its folder is still the one at the path. */
  async heldLock(): Promise<FolderLock | undefined> {
    return (await this.#lock.isInPlace()) ? this.#lock : undefined;
  }

  /** Whether the open files are those at their paths. */
  async isInPlace(): Promise<boolean> {
    const found = await Promise.all(this.files.map(({ fd, path }) => isSameFile(fd, path)));
    return found.every(Boolean);
  }

  /** Closes the files, but keeps the lock. */
  async closeFiles(): Promise<void> {
    await this.store.close();
    this.headFile.close();
  }

  /** Closes the files and releases the lock. */
  async close(): Promise<void> {
    try {
      await this.closeFiles();
    } finally {
      this.#lock.release();
    }
  }

  /** Closes the files once `next` has taken their place; the lock may be the same one. */
  async replaceBy(next: OpenLog): Promise<void> {
    // The disk may fail to sync what nobody needs any more: the reason was logged before.
    await this.closeFiles().catch(() => {});
    if (next.#lock !== this.#lock) {
      this.#lock.release();
    }
  }
}

/** Opens the log in a folder for writing, or creates it. Rejects as `openFileLog`. */
export async function openForWriting(dir: string, segmentBytes: number): Promise<OpenLog> {
  const folder = await prepareFolder(dir);
  return begin(folder, { segmentBytes });
}

/**
 * Opens a log again whose writes have failed or whose files are gone: it must be the same log, and
 * at least as long as before. `before` stays open.
 */
export async function reopen(
  folder: LogFolder,
  before: OpenLog,
  head: number,
  segmentBytes: number,
): Promise<OpenLog> {
  const lock = await before.heldLock();
  const expected = { identity: before.identity, head };
  return begin(folder, { segmentBytes, lock, expected });
}

async function begin(folder: LogFolder, options: OpenOptions): Promise<OpenLog> {
  const opened = await openStore(folder, options);
  const { store, lock, identity, first, place } = opened;
  try {
    if (options.expected === undefined) {
      await removeLeftovers(folder);
    } else {
      await probeSpace(folder);
    }
    let diskFull: Error | undefined;
    try {
      await store.startWriting(place.head);
    } catch (error) {
      if (options.expected !== undefined || place.head === 0 || !isDiskFull(error)) {
        throw error;
      }
      diskFull = error as Error; // The log can be read all the same.
    }
    const headFile = await HeadFile.open(folder, { identity, head: place.head, first });
    return new OpenLog(folder, opened, headFile, diskFull);
  } catch (error) {
    await store.close();
    if (lock !== options.lock) {
      lock.release();
    }
    throw cannotOpen({ dir: folder.dir, reason: (error as Error).message, cause: error });
  }
}

/** Whether an error, or its cause, is that the disk is full. */
export function isDiskFull(error: unknown): boolean {
  const { code, cause } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT" || (cause !== undefined && isDiskFull(cause));
}
