import { constants, existsSync, type Stats } from "node:fs";
import { type FileHandle, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { ConnectError } from "@connectrpc/connect";
import { systemReason } from "../../errors/system-reason.js";
import { busyCodes, isSameFile, lockFile, lockFlags } from "../util/file-lock.js";
import { readGuardedFile } from "../util/guarded-file.js";
import { fileBusy, fileUnusable } from "./errors.js";

/** A file with secrets, or with what must not be lost, that commands change. */
export interface PrivateFile {
  readonly path: string;
  /** The kind of file, such as "users file". */
  readonly kind: string;
}

/** Its name in errors: `users file "users.json"`. */
export function nameOf({ kind, path }: PrivateFile): string {
  return `${kind} ${JSON.stringify(path)}`;
}

/**
 * The content of the file; undefined if it does not exist. Rejects with `failed_precondition` if it
 * cannot be read, or if others than its owner may write it.
 */
export async function readPrivateFile(file: PrivateFile): Promise<Buffer | undefined> {
  return ifThere(readGuardedFile(file.path, nameOf(file)), file);
}

/**
 * Replaces a file atomically: a reader, also after a crash, finds either the old or the new one.
 * The new file has the owner and the mode of the old one, or mode 0600 if there was none. The draft
 * is locked: if two changes happen at the same time, one is refused and neither is lost.
 *
 * Rejects as `change` does, with `unavailable` if another process is changing the file, and
 * with `failed_precondition` if it cannot be read or written.
 *
 * @param change makes the new content from the old one, which is undefined if there is no file yet
 */
export async function changePrivateFile(
  file: PrivateFile,
  change: (content: Buffer | undefined) => string | Promise<string>,
): Promise<void> {
  const before = await ifThere(stat(file.path), file);
  // The target of a symbolic link is replaced, not the link.
  const path = before ? await realpath(file.path) : file.path;
  const draft = `${path}.tmp`;
  const handle = await openDraft(file, draft);
  try {
    try {
      await handle.writeFile(await change(await readPrivateFile(file)));
      if (before) {
        await keepReaders(handle, before);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, path);
  } catch (error) {
    await unlink(draft);
    throw error instanceof ConnectError ? error : fault(file, "written", error);
  }
  await syncDirectory(dirname(path)).catch((error) => {
    throw fault(file, "made durable", error);
  });
}

/** Opens the draft, empties it and locks it. */
async function openDraft(file: PrivateFile, draft: string): Promise<FileHandle> {
  for (;;) {
    const flags = constants.O_RDWR | constants.O_CREAT | lockFlags;
    const isLeft = existsSync(draft);
    const handle = await open(draft, flags, 0o600).catch((error: NodeJS.ErrnoException) => {
      throw busyCodes.includes(error.code) ? inUse(file, draft) : fault(file, "written", error);
    });
    try {
      const isLocked = await lockFile(handle.fd).catch((error) => {
        throw fault(file, "locked", error);
      });
      if (isLocked === false || (isLocked === undefined && isLeft)) {
        throw inUse(file, draft);
      }
      if (await isSameFile(handle.fd, draft)) {
        await handle.truncate(); // Left by a command that was killed.
        return handle;
      }
      await handle.close(); // It was the draft of a change that has been completed.
    } catch (error) {
      await handle.close();
      throw error;
    }
  }
}

/** A file changed by root stays readable for the server, as its user or its group. */
async function keepReaders(handle: FileHandle, before: Stats): Promise<void> {
  const { uid, gid } = await handle.stat();
  if (before.uid !== uid || before.gid !== gid) {
    await handle.chown(before.uid, before.gid);
  }
  await handle.chmod(before.mode & 0o777);
}

/** Makes the rename itself durable. Windows cannot open a directory, and need not. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") {
    return;
  }
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The result of the read, or undefined if there is no such file. */
async function ifThere<T>(reading: Promise<T>, file: PrivateFile): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return undefined;
    }
    throw error instanceof ConnectError ? error : fault(file, "read", error);
  }
}

function inUse(file: PrivateFile, draft: string): ConnectError {
  return fileBusy({ file: nameOf(file), draft: JSON.stringify(draft) });
}

function fault(file: PrivateFile, verb: string, cause: unknown): ConnectError {
  return fileUnusable({
    file: nameOf(file),
    verb,
    reason: systemReason(cause),
    cause,
  });
}
