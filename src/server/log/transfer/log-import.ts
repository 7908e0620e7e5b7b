import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { type Commit, CommitBuilder } from "../core/commit.js";
import { joinHashes } from "../core/dedupe-window.js";
import { syncDirectory } from "../file/disk-file.js";
import { FolderLock } from "../file/folder-lock.js";
import { HeadFile, readHeadFiles } from "../file/head-file.js";
import { type OpenedStore, openStore } from "../file/open-store.js";
import { hasOldForm, type LogFolder, prepareFolder } from "../log-folder.js";
import { type CopiedLog, type CopiedMessage, decodeStored } from "./copied-message.js";
import { damagedTarget, exportGap, otherLog, partedLog } from "./errors.js";
import { type ImportMark, readImportMark, writeImportMark } from "./import-mark.js";

export interface ImportOptions {
  /** The folder to import into: without a log, or with an earlier state of the same one. */
  readonly dir: string;
  /** The log that is imported. */
  readonly log: CopiedLog;
  /**
   * The messages become those of a log of its own, numbered anew from 1, which can exist beside the
   * one they came from. Default: it is the same log, sequences and all.
   */
  readonly newIdentity?: boolean;
}

/** Bytes of messages that are written, and waited for, at once. */
const writeBytes = 1024 * 1024;

/**
 * Opens a folder to import a log into. From before the first message to the end of the import, a
 * mark in the folder keeps servers out; if the import is interrupted, the same import continues
 * where it was. An existing log is marked when the first message is added.
 *
 * Rejects with `failed_precondition` if there is another log, or another import.
 */
export async function openImport(options: ImportOptions): Promise<LogImport> {
  const folder = await prepareFolder(options.dir);
  const lock = await FolderLock.take(folder.dir);
  let opened: OpenedStore | undefined;
  try {
    const begun = await readImportMark(folder, options);
    const mark = begun ?? (await makeMark(folder, lock, options));
    const isNew = begun === undefined && readHeadFiles(folder).mark === undefined;
    if (isNew) {
      // Before there is a log of this identity, which servers would consider an empty one.
      await writeImportMark(folder, mark);
    }
    const importOf = { identity: mark.into, first: mark.first };
    opened = await openStore(folder, { importOf, lock });
    if (opened.loss !== undefined) {
      throw damagedTarget({ dir: folder.dir, reason: opened.loss.message });
    }
    await opened.store.startWriting();
    const { identity, first, place } = opened;
    const headFile = await HeadFile.open(folder, { identity, head: place.head, first });
    const isMarked = begun !== undefined || isNew;
    return new LogImport(folder, opened, headFile, mark, { isNew, isMarked });
  } catch (error) {
    await opened?.store.close();
    lock.release();
    throw error;
  }
}

/** What is to be imported, and into which log. */
async function makeMark(
  folder: LogFolder,
  lock: FolderLock,
  options: ImportOptions,
): Promise<ImportMark> {
  const { log, newIdentity = false } = options;
  const there = hasOldForm(folder) ? undefined : readHeadFiles(folder).mark;
  if (there !== undefined && (newIdentity || there.identity !== log.identity)) {
    await removeEmptyLog(folder, lock, there.identity, log.identity);
  }
  return newIdentity
    ? { from: log.identity, into: randomBytes(6).toString("base64url"), first: 1 }
    : { from: log.identity, into: log.identity, first: log.first };
}

/**
 * A server that was started too early leaves a log without messages, and so does an import that had
 * nothing to store: such a log may be removed.
 */
async function removeEmptyLog(
  folder: LogFolder,
  lock: FolderLock,
  identity: string,
  from: string,
): Promise<void> {
  const { store, place, first } = await openStore(folder, { lock });
  await store.close();
  if (place.head >= first) {
    throw otherLog({ dir: folder.dir, identity, from });
  }
  await rm(folder.store, { recursive: true, force: true });
  await rm(folder.head, { force: true });
  await prepareFolder(folder.dir);
}

/** An import in progress. */
export class LogImport {
  /** The identity of the log in the folder. */
  readonly identity: string;
  readonly #folder: LogFolder;
  readonly #opened: OpenedStore;
  readonly #headFile: HeadFile;
  readonly #mark: ImportMark;
  #isMarked: boolean;
  /** The import has created the log, and has not begun to write to it. */
  #isEmpty: boolean;
  #isClosed = false;
  /** Where the log ends with everything that was added, though not all of it is written yet. */
  #head: number;
  #totalBytes: number;
  /** Messages that were added, including those that the log already had. */
  #seen = 0;
  #added = 0;
  #commits: Commit[] = [];
  #pendingBytes = 0;

  constructor(
    folder: LogFolder,
    opened: OpenedStore,
    headFile: HeadFile,
    mark: ImportMark,
    state: { readonly isNew: boolean; readonly isMarked: boolean },
  ) {
    const { identity, place } = opened;
    this.identity = identity;
    this.#folder = folder;
    this.#opened = opened;
    this.#headFile = headFile;
    this.#mark = mark;
    this.#isMarked = state.isMarked;
    this.#isEmpty = state.isNew;
    this.#head = place.head;
    this.#totalBytes = place.totalBytes;
  }

  /** Sequence of the last message. */
  get head(): number {
    return this.#head;
  }

  /** How many messages are new: those that the log already had do not count. */
  get added(): number {
    return this.#added;
  }

  /**
   * Adds the next messages of the log that is imported; those that the folder already has are
   * skipped. Rejects with `failed_precondition` if a message is missing before them, or if the log
   * in the folder has another one in its place.
   */
  async add(messages: readonly CopiedMessage[]): Promise<void> {
    let builder: CommitBuilder | undefined;
    let sentAt = -1;
    const isNumberedAnew = this.#mark.from !== this.#mark.into;
    const build = () => {
      if (builder !== undefined) {
        const commit = builder.build();
        this.#totalBytes = commit.totalBytes;
        this.#commits.push(commit);
        builder = undefined;
      }
    };
    for (const message of messages) {
      this.#seen++;
      const sequence = isNumberedAnew ? this.#seen : message.sequence;
      if (sequence <= this.#opened.place.head) {
        await this.#checkSame(message, sequence);
        continue;
      }
      if (sequence !== this.#head + 1) {
        throw exportGap({ first: this.#head + 1, last: sequence - 1 });
      }
      // Messages with the same time become one record, as they were.
      if (message.sentAt !== sentAt) {
        build();
        sentAt = message.sentAt;
      }
      builder ??= new CommitBuilder(this.identity, sentAt, this.#head, this.#totalBytes);
      const { text, sender, room, idHash } = message;
      const before = builder.bytes;
      builder.add(text, sender, idHash && joinHashes(idHash, text, room), room);
      this.#pendingBytes += builder.bytes - before;
      this.#head = sequence;
      this.#added++;
    }
    build();
    if (this.#pendingBytes >= writeBytes) {
      await this.#write();
    }
  }

  /** The import is complete: a server may open the folder. */
  async finish(): Promise<void> {
    await this.#write();
    await this.#release();
    await rm(this.#folder.importMark, { force: true });
    await syncDirectory(this.#folder.dir);
    this.#opened.lock.release();
  }

  /**
   * Releases the folder. What was written is kept, and the import can be continued from there; if
   * nothing was written, nothing is left.
   */
  async close(): Promise<void> {
    if (this.#isClosed) {
      return;
    }
    await this.#release();
    if (this.#isEmpty) {
      const { store, head, importMark } = this.#folder;
      await rm(store, { recursive: true });
      await rm(head);
      await rm(importMark);
      await this.#opened.lock.remove();
    }
    this.#opened.lock.release();
  }

  async #release(): Promise<void> {
    this.#isClosed = true;
    await this.#opened.store.close();
    this.#headFile.close();
  }

  async #write(): Promise<void> {
    if (this.#commits.length > 0) {
      this.#isEmpty = false;
      if (!this.#isMarked) {
        await writeImportMark(this.#folder, this.#mark);
        this.#isMarked = true;
      }
      await this.#opened.store.write(...this.#commits.splice(0));
      this.#headFile.write(this.#head);
      this.#pendingBytes = 0;
    }
  }

  /** The last existing message must be the one that comes: it is the same log. */
  async #checkSame(message: CopiedMessage, sequence: number): Promise<void> {
    const { store, place, first } = this.#opened;
    if (sequence !== place.head || sequence < first) {
      return;
    }
    const { bytes } = await store.read(sequence - 1, sequence);
    const [there] = decodeStored(bytes, []);
    if (
      there!.text !== message.text ||
      there!.sender !== message.sender ||
      there!.room !== message.room ||
      there!.sentAt !== message.sentAt
    ) {
      throw partedLog({ dir: this.#folder.dir, sequence });
    }
  }
}
