import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { ConnectError } from "@connectrpc/connect";
import { systemReason } from "../../../errors/system-reason.js";
import type { LogPlace } from "../core/group-commit.js";
import { dataLossError } from "../errors.js";
import { hasNoFiles, hasOldForm, type LogFolder } from "../log-folder.js";
import {
  cannotOpen,
  exchangedLog,
  headMissing,
  logGone,
  messagesMissing,
  olderForm,
  olderState,
  unfinishedImport,
  unfinishedUpgrade,
} from "./errors.js";
import { FileStore } from "./file-store.js";
import { FolderLock } from "./folder-lock.js";
import { type HeadMark, readHeadFiles, replaceHeadFile } from "./head-file.js";
import { formVersion } from "./segments/segment-header.js";

/** A log that was opened for reading, and where it stands. */
export interface OpenedStore {
  readonly store: FileStore;
  readonly lock: FolderLock;
  readonly identity: string;
  /** Sequence of the oldest message that is kept. */
  readonly first: number;
  readonly place: LogPlace;
  /** What is missing between the last intact record and the head; undefined: nothing. */
  readonly loss: Error | undefined;
  /** Why one of the head files did not count, for the operator. */
  readonly headFaults: readonly string[];
}

/** The log that is expected, or that is to be created. */
export interface LogOrigin {
  readonly identity: string;
  readonly first: number;
}

/** How a store is opened in other cases than the start of a server. */
export interface OpenOptions {
  /**
   * An import continues, or creates a log like this one. Default: an unfinished import is refused.
   */
  readonly importOf?: LogOrigin;
  /** The log that was open before: it must exist and be no shorter; none is created. */
  readonly expected?: { readonly identity: string; readonly head: number };
  /** Nothing will be written: the folder may be read-only. Default: false. */
  readonly isReadOnly?: boolean;
  /** A lock of the folder that is already held. Default: it is taken. */
  readonly lock?: FolderLock;
  /** Bytes after which a segment is full. Default: see `FileStore`. */
  readonly segmentBytes?: number;
}

/**
 * Opens the store of a log and finds where the log stands; begins one if there is none, which is
 * not on the disk before `startWriting`.
 *
 * The head is the highest sequence that the segments or the head files mention. So no sequence is
 * ever used twice; messages missing before the head are found by their readers.
 *
 * Rejects with `failed_precondition` if this is not a log, or not one that can be used.
 */
export async function openStore(
  folder: LogFolder,
  options: OpenOptions = {},
): Promise<OpenedStore> {
  if (options.importOf === undefined && existsSync(folder.importMark)) {
    throw unfinishedImport({ dir: folder.dir });
  }
  const lock =
    options.lock ??
    (await (options.isReadOnly ? FolderLock.takeToRead(folder.dir) : FolderLock.take(folder.dir)));
  let store: FileStore | undefined;
  try {
    const { mark, headFaults, origin } = await findLog(folder, options);
    const { identity } = origin;
    const storeOptions = { dir: folder.store, identity, segmentBytes: options.segmentBytes };
    store = await FileStore.open(storeOptions, mark);
    checkFound(folder, options, mark, store);
    if (!options.isReadOnly && (mark === undefined || mark.form < formVersion)) {
      await replaceHeadFile(folder.head, { identity, head: mark?.head ?? 0 });
    }
    store ??= FileStore.create(storeOptions, origin.first);
    const { last, sentAt, totalBytes, firstKept } = store.standing;
    const head = Math.max(last, mark?.head ?? 0);
    const loss = last < head ? dataLossError({ first: last + 1, last: head }) : undefined;
    const place = { head, sentAt, totalBytes };
    return { store, lock, identity, first: firstKept, place, loss, headFaults };
  } catch (error) {
    await store?.close();
    if (lock !== options.lock) {
      lock.release();
    }
    throw error instanceof ConnectError
      ? error
      : cannotOpen({ dir: folder.dir, reason: reasonOf(error), cause: error });
  }
}

/** Which log is in the folder, or is to be created there. */
async function findLog(
  folder: LogFolder,
  { importOf, expected }: OpenOptions,
): Promise<{
  readonly mark: HeadMark | undefined;
  readonly headFaults: readonly string[];
  readonly origin: LogOrigin;
}> {
  const { dir } = folder;
  if (existsSync(folder.upgradeMark)) {
    throw unfinishedUpgrade({ dir });
  }

  if (hasOldForm(folder)) {
    throw olderForm({ dir });
  }
  const { mark, faults } = readHeadFiles(folder);
  if (mark?.form === 1 && !(await hasNoFiles(folder))) {
    throw olderForm({ dir });
  }
  if (expected !== undefined && mark?.identity !== expected.identity) {
    throw mark === undefined
      ? logGone({ dir })
      : exchangedLog({ dir, found: mark.identity, expected: expected.identity });
  }
  if (mark === undefined && !(await hasNoFiles(folder))) {
    throw headMissing({ fault: faults[0]! });
  }
  const newOne = importOf ?? { identity: randomBytes(6).toString("base64url"), first: 1 };
  const origin = mark ? { ...newOne, identity: mark.identity } : newOne;
  return { mark, headFaults: mark === undefined ? [] : faults, origin };
}

/** Refuses segments, or their absence, if that contradicts what is known of the log. */
function checkFound(
  folder: LogFolder,
  { expected }: OpenOptions,
  mark: HeadMark | undefined,
  store: FileStore | undefined,
): void {
  if (store === undefined && (mark?.head ?? 0) > 0) {
    throw messagesMissing({ store: folder.store, headFile: folder.head, count: mark!.head });
  }
  const head = Math.max(store?.standing.last ?? 0, mark?.head ?? 0);
  if (expected !== undefined && head < expected.head) {
    throw olderState({ dir: folder.dir, head, expected: expected.head });
  }
}

function reasonOf(error: unknown): string {
  return systemReason(error).split("\n")[0]!;
}
