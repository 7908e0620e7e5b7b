import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface LogOutputOptions {
  /** Maximum number of buffered bytes; further lines are dropped. Default: 1 MiB. */
  readonly maxWaitingBytes?: number;
}

/** How long to wait before the next attempt, in milliseconds: at first, and at most. */
const firstRetryMs = 1;
const lastRetryMs = 100;

/** How often writing is attempted before an exit, in milliseconds. */
const flushStepMs = 5;

/** Maximum size of one write: the capacity of a pipe on Linux. */
const pieceBytes = 64 * 1024;

/**
 * The file, pipe or terminal to which the server log is written. It never waits for its reader: a
 * reader that stops must not stop the server. Lines of one turn of the event loop are written
 * together at its end, or when the process exits by itself or by an error: only a killed process
 * loses the lines of that turn. While the pipe or the disk is full, lines are buffered and written
 * later; beyond a limit they are dropped and counted.
 */
export class LogOutput {
  readonly #fd: number;
  readonly #maxWaitingBytes: number;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #droppedInRow = 0;
  #retryMs = firstRetryMs;
  /** The timer of the next attempt. */
  #timer: NodeJS.Timeout | undefined;
  #turnEnd: NodeJS.Immediate | undefined;
  #onResume: (dropped: number) => void = () => {};

  /** @param fd open for writing, and non-blocking, as {@link openStandardError} makes one */
  constructor(fd: number, { maxWaitingBytes = 1024 * 1024 }: LogOutputOptions = {}) {
    this.#fd = fd;
    this.#maxWaitingBytes = maxWaitingBytes;
    process.once("exit", () => this.#flush());
  }

  /** How many lines have been dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Calls the listener with the number of dropped lines when all buffered lines are written. */
  onResume(listener: (dropped: number) => void): void {
    this.#onResume = listener;
  }

  /** Accepts a line, to be written at the end of this turn, or drops it. Never throws. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes.length > this.#maxWaitingBytes) {
      this.#drop(1);
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (!this.#timer) {
      this.#turnEnd ??= setImmediate(() => {
        this.#turnEnd = undefined;
        this.#flush();
      });
    }
  }

  /** Resolves when all lines are written, or after this many milliseconds. */
  async flushed(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    while (!this.#flush() && performance.now() < end) {
      await sleep(flushStepMs);
    }
  }

  /** The same for a process that is about to end: nothing else runs meanwhile. */
  flushSync(withinMs: number): void {
    const end = performance.now() + withinMs;
    const never = new Int32Array(new SharedArrayBuffer(4));
    while (!this.#flush() && performance.now() < end) {
      Atomics.wait(never, 0, 0, flushStepMs);
    }
  }

  #drop(lines: number): void {
    this.#dropped += lines;
    this.#droppedInRow += lines;
  }

  #resume(): void {
    const dropped = this.#droppedInRow;
    this.#droppedInRow = 0;
    this.#onResume(dropped);
  }

  #retryLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, this.#retryMs).unref();
  }

  /** Writes buffered lines. Returns false if some are left. */
  #flush(): boolean {
    while (this.#waitingBytes > 0) {
      const chunk = this.#nextChunk();
      const written = this.#tryWrite(chunk);
      if (written === undefined) {
        this.#drop(linesIn(this.#waiting));
        this.#waiting.length = 0;
        this.#waitingBytes = 0;
        return true;
      }
      this.#waitingBytes -= written;
      this.#retryMs = written > 0 ? firstRetryMs : Math.min(lastRetryMs, this.#retryMs * 2);
      if (written < chunk.length) {
        this.#waiting[0] = chunk.subarray(written);
        this.#retryLater();
        return false;
      }
      this.#waiting.shift();
    }
    if (this.#droppedInRow > 0) {
      this.#resume();
    }
    return true;
  }

  /** Joins the first buffered lines into one chunk, which is then `#waiting[0]`. */
  #nextChunk(): Buffer {
    let count = 1;
    let bytes = this.#waiting[0]!.length;
    while (count < this.#waiting.length && bytes + this.#waiting[count]!.length <= pieceBytes) {
      bytes += this.#waiting[count++]!.length;
    }
    if (count > 1) {
      this.#waiting.splice(0, count, Buffer.concat(this.#waiting.slice(0, count), bytes));
    }
    return this.#waiting[0]!;
  }

  /** How many bytes could be written now; undefined if there is no reader. */
  #tryWrite(bytes: Buffer): number | undefined {
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      // Any other reason may pass, such as a full pipe or disk. For now, only the count shows it.
      return (error as NodeJS.ErrnoException).code === "EPIPE" ? undefined : 0;
    }
  }
}

function linesIn(chunks: readonly Buffer[]): number {
  const newline = 10;
  return chunks.reduce(
    (lines, chunk) => lines + chunk.filter((byte) => byte === newline).length,
    0,
  );
}

/**
 * Standard error, opened so that writing to it does not block. A pipe or a terminal is opened again
 * by the process: whether writing blocks is a property of the open file, which other processes may
 * share.
 */
export function openStandardError(): number {
  const stats = fstatSync(2);
  if (process.platform === "linux" && (stats.isFIFO() || stats.isCharacterDevice())) {
    try {
      const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
      return openSync("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY);
    } catch {
      // It belongs to another user, or there is no /proc.
    }
  }
  void process.stderr; // Node makes it non-blocking when it opens this: a pipe, or a socket of systemd's.
  return 2;
}
