import { existsSync } from "node:fs";
import { access, constants, open, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemReason } from "../../errors/system-reason.js";
import { makeFolder } from "../util/make-folder.js";
import { unusableFolder } from "./errors.js";
import { draftEnding, syncDirectory } from "./file/disk-file.js";

/** Where the parts of a log are in its folder, which may contain other files too. */
export interface LogFolder {
  /** The folder itself. */
  readonly dir: string;
  /** The folder of the segments. */
  readonly store: string;
  /** The file that says how far the log had come. */
  readonly head: string;
  /** The second one, beside the segments. */
  readonly headCopy: string;
  /** The file that exists while a log is imported into the folder. */
  readonly importMark: string;
  /** The file that exists while a log of the old format is upgraded. */
  readonly upgradeMark: string;
}

const headCopyName = "head";

/** The parts of a log in a folder, whether they exist or not. */
export function logFolder(dir: string): LogFolder {
  return {
    dir,
    store: join(dir, "messages"),
    head: join(dir, "messages.head"),
    headCopy: join(dir, "messages", headCopyName),
    importMark: join(dir, "messages.import"),
    upgradeMark: join(dir, "messages.upgrade"),
  };
}

/**
 * Creates the folder of a log if it does not exist. Its name is durable as soon as this has
 * resolved. Rejects with `failed_precondition` and a line that names it if it is not a folder,
 * cannot be written, or is the database of another program.
 */
export async function prepareFolder(dir: string): Promise<LogFolder> {
  const folder = logFolder(dir);
  try {
    await makeDurably(dir);
    if (existsSync(join(dir, "CURRENT"))) {
      throw new Error("it is the database of another program");
    }
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK);
    await makeDurably(folder.store);
  } catch (error) {
    throw unusableFolder({ dir, reason: reasonOf(error), cause: error });
  }
  return folder;
}

/** A new folder is durable only once its parent's list is on the disk, and so on upwards. */
async function makeDurably(dir: string): Promise<void> {
  const made = await makeFolder(dir);
  if (made === undefined) {
    return;
  }
  for (let parent = dirname(dir); ; parent = dirname(parent)) {
    await syncDirectory(parent);
    if (parent === dirname(made) || parent === dirname(parent)) {
      return;
    }
  }
}

/**
 * Whether the folder of the segments has no messages or does not exist: drafts and the second head
 * file do not count.
 */
export async function hasNoFiles(folder: LogFolder): Promise<boolean> {
  try {
    const names = await readdir(folder.store);
    return names.every((name) => name.endsWith(draftEnding) || name === headCopyName);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return true;
    }
    throw error;
  }
}

/** Whether the log has the format of older versions, a LevelDB folder. */
export function hasOldForm(folder: LogFolder): boolean {
  return existsSync(join(folder.store, "CURRENT"));
}

function reasonOf(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "EEXIST":
    case "ENOTDIR":
      return "it is not a folder";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "it cannot be written to";
    default:
      return systemReason(error);
  }
}

/** Removes what a killed process has left beside the segments. The folder must be locked. */
export async function removeLeftovers({ dir }: LogFolder): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const { name } = entry;
    const isDraft = name.startsWith("messages.") && name.endsWith(draftEnding);
    if ((isDraft || name === probeName) && !entry.isDirectory()) {
      await rm(join(dir, name), { force: true });
    }
  }
}

const probeName = "messages.probe";
const probeBytes = 1024 * 1024;

/** Rejects if the disk has no space for some messages. */
export async function probeSpace(folder: LogFolder): Promise<void> {
  const path = join(folder.dir, probeName);
  try {
    const handle = await open(path, "w", 0o600);
    try {
      await handle.write(Buffer.alloc(probeBytes));
      await handle.datasync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    // A limit on the size of one file says nothing about the free space.
    if ((error as NodeJS.ErrnoException).code !== "EFBIG") {
      throw error;
    }
  } finally {
    await rm(path, { force: true });
  }
}
