import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { ConnectError } from "@connectrpc/connect";
import { writableByOthers } from "./errors.js";

/**
 * The content of a file that grants permissions. Rejects with `failed_precondition`, naming the
 * file and its mode, if its group or the world may write it; else as `readFile` of `node:fs`.
 *
 * Symbolic links are followed: the mode of their target counts. The mode of the folder does not.
 *
 * @param source names the file in the error: `users file "users.json"`
 */
export async function readGuardedFile(path: string, source: string): Promise<Buffer> {
  // One descriptor for both: the file may be replaced meanwhile.
  const file = await open(path, "r");
  try {
    const { mode } = await file.stat();
    const error = writersError(source, mode);
    if (error !== undefined) {
      throw error;
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** The error of a file's mode; undefined if only its owner may write it. */
export function writersError(source: string, mode: number): ConnectError | undefined {
  const { S_IWGRP = 0, S_IWOTH = 0 } = constants;
  // Windows has no such modes, and shows every file as writable by all.
  if (process.platform === "win32" || (mode & (S_IWGRP | S_IWOTH)) === 0) {
    return undefined;
  }
  const who = (mode & S_IWOTH) === 0 ? "its group" : "everybody";
  return writableByOthers({ source, mode: (mode & 0o777).toString(8).padStart(4, "0"), who });
}
