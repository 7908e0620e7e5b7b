import { closeSync, constants, existsSync, fstatSync, openSync } from "node:fs";
import { readFile, unlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import type { ConnectError } from "@connectrpc/connect";
import { systemReason } from "../../../errors/system-reason.js";
import { busyCodes, isSameFile, lockFile, lockFlags } from "../../util/file-lock.js";
import { cannotLock, logInUse } from "./errors.js";
import type { WatchedFile } from "./folder-watch.js";

/*
 * Only one process can have a log open, and only once. This is ensured by a lock on a file in its
 * folder or, on a Linux without the flock program, by a Unix socket in the folder, which nobody
 * listens on once the process is gone.
 */

/** A lock on the folder of a log. */
export class FolderLock {
  /** The locked file; undefined: it did not exist, and cannot be created. */
  readonly file: WatchedFile | undefined;
  readonly #socket: Server | undefined;
  #isHeld = true;

  /** See `take`, for a locked file. */
  constructor(file: WatchedFile | undefined, socket: Server | undefined) {
    this.file = file;
    this.#socket = socket;
  }

  /** Takes the lock of a folder. Rejects with `failed_precondition` if another process has it. */
  static async take(dir: string): Promise<FolderLock> {
    const path = lockPath(dir);
    const flags = constants.O_RDWR | constants.O_CREAT;
    for (;;) {
      const fd = openLocked(dir, path, flags);
      const lock = await lockOpen(dir, path, fd, true);
      if (await lock.isInPlace()) {
        return lock;
      }
      lock.release(); // The folder was replaced meanwhile.
    }
  }

  /**
   * Takes the lock of a folder that is only read. If the folder cannot be written, the lock file
   * may be missing: a server that has the folder open would have created it. Rejects as `take`.
   */
  static async takeToRead(dir: string): Promise<FolderLock> {
    try {
      return await FolderLock.take(dir);
    } catch (error) {
      if (!isUnwritable((error as ConnectError).cause)) {
        throw error;
      }
    }
    const path = lockPath(dir);
    if (!existsSync(path)) {
      return new FolderLock(undefined, undefined);
    }
    return lockOpen(dir, path, openLocked(dir, path, constants.O_RDONLY), false);
  }

  /** Whether the locked file is the one at its path, and not an older one. */
  async isInPlace(): Promise<boolean> {
    return this.file !== undefined && (await isSameFile(this.file.fd, this.file.path));
  }

  /** Removes the lock file, which stays locked until it is released. */
  async remove(): Promise<void> {
    if (this.file !== undefined) {
      await unlink(this.file.path);
    }
  }

  /** Releases the lock. */
  release(): void {
    if (this.#isHeld) {
      this.#isHeld = false;
      this.#socket?.close();
      if (this.file !== undefined) {
        closeSync(this.file.fd);
      }
    }
  }
}

function lockPath(dir: string): string {
  return join(dir, "messages.lock");
}

/** Locks an open file; closes it if that fails. */
async function lockOpen(
  dir: string,
  path: string,
  fd: number,
  canWrite: boolean,
): Promise<FolderLock> {
  try {
    const isLinux = process.platform === "linux";
    const socket = isLinux ? await lockOnLinux(dir, fd, canWrite) : undefined;
    return new FolderLock({ fd, path }, socket);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openLocked(dir: string, path: string, flags: number): number {
  try {
    return openSync(path, flags | lockFlags, 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw busyCodes.includes(code) ? logInUse({ dir }) : lockFault(dir, error);
  }
}

/** Whether an error means that a folder, or its file system, is read-only. */
function isUnwritable(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === "EROFS" || code === "EACCES" || code === "EPERM";
}

function lockFault(dir: string, error: unknown): Error {
  return cannotLock({ dir, reason: systemReason(error), cause: error });
}

async function lockOnLinux(
  dir: string,
  fd: number,
  canWrite: boolean,
): Promise<Server | undefined> {
  // The path of a socket must be short, but the path of a folder may be long.
  const folder = openSync(dir, constants.O_RDONLY);
  const socketPath = `/proc/self/fd/${folder}/messages.socket`;
  let socket: Server | undefined;
  try {
    const hasLock = await lockFile(fd).catch((error) => {
      throw lockFault(dir, error);
    });
    const isElsewhere = (await isAnswered(socketPath)) || (!hasLock && (await isFlocked(fd)));
    if (hasLock === false || isElsewhere) {
      throw logInUse({ dir });
    }
    if (hasLock === undefined && canWrite) {
      socket = await listenAlone(dir, socketPath);
      // Its name is removed through the folder when it is closed.
      socket.on("close", () => closeSync(folder));
    }
    return socket;
  } finally {
    if (socket === undefined) {
      closeSync(folder);
    }
  }
}

/** Whether another process has locked the file with flock: the kernel has a list. */
async function isFlocked(fd: number): Promise<boolean> {
  const { ino } = fstatSync(fd, { bigint: true });
  const locks = await readFile("/proc/locks", "latin1").catch(() => "");
  return locks.split("\n").some((line) => line.includes("FLOCK") && line.includes(`:${ino} `));
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.on("connect", () => end(true)).on("error", () => end(false));
  });
}

async function listenAlone(dir: string, path: string): Promise<Server> {
  for (let attempt = 0; ; attempt++) {
    const server = createServer((socket) => socket.destroy());
    try {
      await new Promise<void>((resolve, reject) => {
        server.on("error", reject).listen(path, resolve);
      });
      return server.unref();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || attempt > 0) {
        throw lockFault(dir, error);
      }
      if (await isAnswered(path)) {
        throw logInUse({ dir });
      }
      await unlink(path); // Left behind by a process that was killed.
    }
  }
}
