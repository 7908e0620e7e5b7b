import { constants } from "node:fs";
import { closeFile, isUnreadable, openFile, readAt } from "../disk-file.js";

/** How many files are kept open for reading: a log can have thousands of segments. */
const maxOpen = 32;

/** The unit of reading around a bad sector: no more than a page is lost. */
const pageBytes = 4096;

/** An open file. The object stands for it as long as it is the same file. */
export interface ReadFile {
  readonly path: string;
}

interface OpenFile {
  readonly fd: Promise<number>;
  /** Reads in progress. */
  users: number;
}

/**
 * Reads from segments by position, and never maps them into memory: a truncated file or an
 * unreadable sector is an error of one read, and does not crash the process.
 */
export class SegmentFiles {
  /** Ordered by last use, the most recent at the end. */
  readonly #open = new Map<ReadFile, OpenFile>();
  #isClosed = false;

  /**
   * Reads bytes of a file: fewer if its file ends before, none if it is gone. Unreadable bytes are
   * replaced by zeros, so that the checksums of the items show the damage.
   */
  async read(file: ReadFile, position: number, length: number): Promise<Buffer> {
    const open = this.#take(file);
    let fd: number;
    try {
      fd = await open.fd;
    } catch (error) {
      if (this.#open.get(file) === open) {
        this.#open.delete(file);
      }
      if (isGone(error)) {
        return Buffer.alloc(0);
      }
      throw error;
    }
    try {
      try {
        return await readAt(fd, position, length);
      } catch (error) {
        if (!isUnreadable(error)) {
          throw error;
        }
        return await readAround(fd, position, length);
      }
    } finally {
      open.users--;
      if (open.users === 0 && this.#open.get(file) !== open) {
        void closeFile(fd).catch(() => {}); // It was closed meanwhile.
      }
      this.#closeUnused();
    }
  }

  /** Closes a removed file, now or when its last read has ended. */
  forget(file: ReadFile): void {
    const open = this.#open.get(file);
    if (open !== undefined) {
      this.#open.delete(file);
      if (open.users === 0) {
        void open.fd.then(closeFile).catch(() => {});
      }
    }
  }

  /** Closes all files, after the reads in progress. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#open.size > 0) {
      this.#closeUnused();
      if (this.#open.size > 0) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  }

  #take(file: ReadFile): OpenFile {
    if (this.#isClosed) {
      throw new Error("the log's files are closed");
    }
    let open = this.#open.get(file);
    if (open === undefined) {
      open = { fd: openFile(file.path, constants.O_RDONLY), users: 0 };
    } else {
      this.#open.delete(file);
    }
    this.#open.set(file, open);
    open.users++;
    return open;
  }

  #closeUnused(): void {
    if (this.#open.size <= maxOpen && !this.#isClosed) {
      return;
    }
    for (const [file, open] of this.#open) {
      if (open.users === 0) {
        this.forget(file);
        if (this.#open.size <= maxOpen && !this.#isClosed) {
          return;
        }
      }
    }
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR" || code === "EACCES" || isUnreadable(error);
}

/** Reads page by page; those that cannot be read are zeros. */
async function readAround(fd: number, position: number, length: number): Promise<Buffer> {
  const target = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const count = Math.min(length - done, pageBytes - ((position + done) % pageBytes));
    try {
      const part = await readAt(fd, position + done, count);
      part.copy(target, done);
      if (part.length < count) {
        return target.subarray(0, done + part.length);
      }
    } catch (error) {
      if (!isUnreadable(error)) {
        throw error;
      }
    }
    done += count;
  }
  return target;
}
