import { access, constants, open, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolder } from "../make-folder.js";
import { openError } from "./log-errors.js";

/** Where the parts of a log lie in its folder, which may hold other things too. */
export interface LogFolder {
  /** The folder itself. */
  readonly dir: string;
  /** The LevelDB folder. */
  readonly store: string;
  /** The file that says how far the log had come. */
  readonly witness: string;
  /** The file that is there while a log is imported into the folder. */
  readonly importMark: string;
}

/** The parts of a log in a folder, whether they are there or not. */
export function logFolder(dir: string): LogFolder {
  return {
    dir,
    store: join(dir, "messages"),
    witness: join(dir, "messages.head"),
    importMark: join(dir, "messages.import"),
  };
}

/**
 * Makes a log's folder if it is not there. Rejects with `failed_precondition` if it is no
 * folder, cannot be written, or is the LevelDB folder of another program.
 */
export async function prepareFolder(dir: string): Promise<LogFolder> {
  const folder = logFolder(dir);
  try {
    const made = await makeFolder(dir);
    if (made !== undefined) {
      // A new folder lasts only when its parent's list is on the disk.
      await syncFolder(dirname(made));
    }
    if ((await readdir(dir)).includes("CURRENT")) {
      throw new Error("it is the database of another program");
    }
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK);
    await makeFolder(folder.store);
  } catch (error) {
    throw openError(`the log cannot be kept in ${dir}: ${reasonOf(error)}`, error);
  }
  return folder;
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
      return (error as Error).message;
  }
}

/** Makes the list of what is in a folder durable. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const pieceBytes = 1024 * 1024;

/**
 * Rejects if the disk has no room for what opening the store writes: LevelDB then copies
 * its log into a table. A store that was closed and does not open again could not be read.
 */
export async function probeSpace(folder: LogFolder): Promise<void> {
  let bytes = pieceBytes;
  for (const name of await readdir(folder.store)) {
    if (name.endsWith(".log")) {
      bytes += (await stat(join(folder.store, name))).size;
    }
  }
  const path = join(folder.dir, "messages.probe");
  try {
    const handle = await open(path, "w", 0o600);
    try {
      const piece = Buffer.alloc(pieceBytes);
      for (let written = 0; written < bytes; written += pieceBytes) {
        await handle.write(piece);
      }
      await handle.datasync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    // A limit on the size of one file says nothing of the room there is.
    if ((error as NodeJS.ErrnoException).code !== "EFBIG") {
      throw error;
    }
  } finally {
    await rm(path, { force: true });
  }
}
