import fs, { constants } from "node:fs";
import { rename } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

/*
 * File operations by descriptor: FileHandle would cost the hot paths twice as much. Short reads and
 * writes are continued.
 */

/**
 * On Linux, a write to a file opened with O_DSYNC is on the disk when it returns, which takes one
 * system call instead of two. Elsewhere O_DSYNC does not flush the drive (macOS) or does not exist
 * (Windows), but Node's fdatasync does.
 */
const durableWrites = process.platform === "linux";

/** Opens a file; rejects as `fs.open`. */
export const openFile: (path: string, flags: number, mode?: number) => Promise<number> = promisify(
  fs.open,
);

export const closeFile: (fd: number) => Promise<void> = promisify(fs.close);
const truncateFile: (fd: number, length: number) => Promise<void> = promisify(fs.ftruncate);
/** Truncates a file at a place. */
export const truncateAt: (path: string, length: number) => Promise<void> = promisify(fs.truncate);

/** Waits until everything written is on the disk, with the file's size. */
export const syncFile: (fd: number) => Promise<void> = promisify(fs.fsync);

/** The error codes of Linux file systems for damaged data of their own: EUCLEAN and EBADMSG. */
const damagedErrnos = [-117, -74];

/** Whether the disk could not return stored data: a sector, or metadata of the file system. */
export function isUnreadable(error: unknown): boolean {
  const { code, errno = 0 } = error as NodeJS.ErrnoException;
  return code === "EIO" || (process.platform === "linux" && damagedErrnos.includes(errno));
}

/** Reads bytes from a place; fewer if the file ends earlier. */
export function readAt(fd: number, position: number, length: number): Promise<Buffer> {
  const target = Buffer.allocUnsafeSlow(length);
  return new Promise((resolve, reject) => {
    let done = 0;
    const read = () => {
      fs.read(fd, target, done, length - done, position + done, (error, count) => {
        if (error !== null) {
          reject(error);
          return;
        }
        done += count;
        if (count === 0 || done === length) {
          resolve(done === length ? target : target.subarray(0, done));
          return;
        }
        read();
      });
    };
    read();
  });
}

/**
 * How far ahead of a file's end zeros are written, in bytes. A write to blocks that the file has
 * already changes no metadata: it does not wait for the journal of the file system, and takes less
 * time and CPU time.
 */
const aheadBytes = 256 * 1024;
/** Longer writes get no zeros: these would be half of all that is written. */
const shortBytes = 64 * 1024;
/** How many short writes come before the first zeros: a file that gets only a few needs none. */
const writesBefore = 8;

const zeros = Buffer.alloc(aheadBytes);

/**
 * A file in which every write is durable when it resolves. Writes must not overlap in time. Zeros
 * may follow what was written.
 */
export class DurableFile {
  readonly #fd: number;
  /** Up to here the file has its blocks. */
  #allocated = 0;
  /** Zeros are being written after that; resolves when that has ended, and never rejects. */
  #zeroing: Promise<void> | undefined;
  /** The disk did not take zeros: it may be full. */
  #takesZeros = true;
  #shortWrites = 0;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Opens an existing file. */
  static async open(path: string): Promise<DurableFile> {
    const flags = constants.O_RDWR | (durableWrites ? constants.O_DSYNC : 0);
    return new DurableFile(await openFile(path, flags));
  }

  /** The descriptor, to be compared with the file at the path. */
  get fd(): number {
    return this.#fd;
  }

  /** Writes all bytes at a place and waits for the disk. */
  async write(bytes: Buffer, position: number): Promise<void> {
    const end = position + bytes.length;
    if (end > this.#allocated && this.#zeroing) {
      await this.#zeroing;
    }
    await this.#write(bytes, position);
    this.#allocated = Math.max(this.#allocated, end);
    if (bytes.length <= shortBytes && this.#shortWrites++ >= writesBefore && this.#takesZeros) {
      const isNear = this.#allocated - end < aheadBytes / 2;
      this.#zeroing ??= isNear ? this.#zeroAhead() : undefined;
    }
  }

  #write(bytes: Buffer, position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let done = 0;
      const write = () => {
        fs.write(this.#fd, bytes, done, bytes.length - done, position + done, (error, count) => {
          if (error !== null) {
            reject(error);
            return;
          }
          done += count;
          if (done < bytes.length) {
            write();
          } else if (durableWrites) {
            resolve();
          } else {
            fs.fdatasync(this.#fd, (fault) => (fault === null ? resolve() : reject(fault)));
          }
        });
      };
      write();
    });
  }

  async #zeroAhead(): Promise<void> {
    try {
      await this.#write(zeros, this.#allocated);
      this.#allocated += aheadBytes;
    } catch {
      this.#takesZeros = false; // If the disk takes nothing at all, the next write says so.
    } finally {
      this.#zeroing = undefined;
    }
  }

  /** Waits until everything about the file is on the disk. */
  sync(): Promise<void> {
    return syncFile(this.#fd);
  }

  /** Removes everything from a place on, such as the zeros after what was written. */
  async truncate(length: number): Promise<void> {
    await this.#zeroing;
    this.#allocated = Math.min(this.#allocated, length);
    await truncateFile(this.#fd, length);
  }

  /** Resolves when nothing is being written. Call it when no write is in progress. */
  async idle(): Promise<void> {
    await this.#zeroing;
  }

  async close(): Promise<void> {
    await this.#zeroing;
    await closeFile(this.#fd);
  }
}

/** Suffix of the name of an incomplete file. */
export const draftEnding = ".tmp";

/**
 * An incomplete file. Its name ends with `draftEnding` until it takes its place, so a killed
 * process leaves such a file behind.
 */
export class Draft {
  readonly #path: string;
  readonly #fd: number;

  private constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  /** Begins a file that will take a path. */
  static async create(path: string): Promise<Draft> {
    // It overwrites whatever a killed process has left there.
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
    return new Draft(path, await openFile(`${path}${draftEnding}`, flags, 0o600));
  }

  /** Writes all bytes at a place. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += await write(this.#fd, bytes, done, position);
    }
  }

  /** Moves the file to its place: complete and durable when it resolves. */
  async finish(): Promise<void> {
    try {
      await syncFile(this.#fd);
    } catch (error) {
      await this.abandon();
      throw error;
    }
    await closeFile(this.#fd);
    await rename(`${this.#path}${draftEnding}`, this.#path);
    await syncDirectory(dirname(this.#path));
  }

  /** Removes the incomplete file. */
  async abandon(): Promise<void> {
    await closeFile(this.#fd);
    await unlink(`${this.#path}${draftEnding}`).catch(() => {});
  }
}

/**
 * Creates or replaces a file: complete and durable when it resolves, unchanged if it rejects. What
 * a killed process leaves has a name that ends with `draftEnding`.
 */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const draft = await Draft.create(path);
  try {
    await draft.write(bytes, 0);
  } catch (error) {
    await draft.abandon();
    throw error;
  }
  await draft.finish();
}

const unlink = promisify(fs.unlink);

function write(fd: number, bytes: Uint8Array, done: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(fd, bytes, done, bytes.length - done, position + done, (error, count) =>
      error === null ? resolve(count) : reject(error),
    );
  });
}

/** Makes the entries of a folder durable. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") {
    return; // Folders cannot be opened on Windows, and their entries need no sync.
  }
  const fd = await openFile(path, constants.O_RDONLY);
  try {
    await syncFile(fd);
  } finally {
    await closeFile(fd);
  }
}
