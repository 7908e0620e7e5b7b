import { spawn } from "node:child_process";
import { constants, fstatSync } from "node:fs";
import { stat } from "node:fs/promises";

/*
 * A lock on an open file, which the operating system releases however the process ends. Node cannot
 * take one itself, but:
 *
 * - Linux: `flock -n 3`, run with the file as its descriptor 3. The lock belongs to the open
 *   file, which stays open here. It comes with util-linux and busybox.
 * - macOS and BSD: a flag of open(). Windows: a flag that shares the file with nobody.
 */

/** O_EXLOCK of macOS and BSD; libuv's flag for a file that is shared with nobody on Windows. */
const exclusiveFlags: Partial<Record<NodeJS.Platform, number>> = {
  darwin: 0x20 | constants.O_NONBLOCK,
  freebsd: 0x20 | constants.O_NONBLOCK,
  win32: 0x1000_0000,
};

/** Flags for `open` that lock the file; it may fail with one of `busyCodes`. */
export const lockFlags = exclusiveFlags[process.platform] ?? 0;

/** The errors of `open` with `lockFlags` if another process has the lock. */
export const busyCodes: readonly (string | undefined)[] =
  lockFlags === 0 ? [] : ["EAGAIN", "EBUSY"];

/**
 * Locks a file that was opened with `lockFlags`. Resolves with whether this process has the lock
 * now; undefined if this machine has no means. Rejects if the attempt fails.
 */
export function lockFile(fd: number): Promise<boolean | undefined> {
  if (lockFlags !== 0) {
    return Promise.resolve(true);
  }
  return new Promise((resolve, reject) => {
    const child = spawn("flock", ["-n", "3"], { stdio: ["ignore", "ignore", "ignore", fd] });
    child.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "ENOENT" || error.code === "EACCES" ? resolve(undefined) : reject(error),
    );
    child.on("exit", (code, signal) => {
      if (code === 0 || code === 1) {
        resolve(code === 0);
      } else {
        reject(new Error(`flock ended with ${signal ?? code}`));
      }
    });
  });
}

/** Whether the open file is the one at a path now. Never rejects. */
export async function isSameFile(fd: number, path: string): Promise<boolean> {
  try {
    const { ino, dev } = await stat(path, { bigint: true });
    const held = fstatSync(fd, { bigint: true });
    return held.ino === ino && held.dev === dev;
  } catch {
    return false;
  }
}
