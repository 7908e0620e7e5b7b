import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { crc32c } from "../../encoding/crc32c.js";
import type { Logger } from "../../util/logger.js";
import { maxSequence } from "../core/stored-record.js";

/*
 * How far a server has seen the log, in a file of its own: if all nodes of NATS come back with an
 * older state, nothing else knows after a restart that there was more. It has two lines of the same
 * length, written in turn, so that if one is torn the other remains. Several servers may share it:
 * it never claims more than one of them has seen.
 */

const lineLength = 71;

/**
 * Minimum interval between two writes, in milliseconds: a killed process loses no more than this.
 */
const pauseMs = 100;

/** A message that the stream had. */
export interface HeadMark {
  readonly sequence: number;
  /** When the stream stored it, in milliseconds since 1970: another message has another time. */
  readonly sentAt: number;
}

/** Stores the newest message of a log that this server has seen. */
export class NatsHeadFile {
  /** What the file said when it was opened; undefined if it was empty. */
  readonly found: HeadMark | undefined;
  readonly path: string;
  readonly #identity: string;
  readonly #logger: Logger | undefined;
  #file: number | undefined;
  #second = false;
  #written: number;
  #next: HeadMark | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * Opens the file of a log in a folder, or creates it. If that fails, it is logged once: the
   * server works without the file.
   */
  constructor(folder: string, identity: string, logger?: Logger) {
    this.path = join(folder, `nats-head-${identity}`);
    this.#identity = identity;
    this.#logger = logger;
    try {
      this.#file = openSync(this.path, "a+", 0o600);
      closeSync(this.#file);
      this.#file = openSync(this.path, "r+");
      this.found = this.#read();
    } catch (error) {
      this.#giveUp(error);
    }
    this.#written = this.found?.sequence ?? 0;
  }

  /** The log has come to this message; older ones change nothing. */
  write(mark: HeadMark): void {
    if (this.#file === undefined || mark.sequence <= (this.#next?.sequence ?? this.#written)) {
      return;
    }
    this.#next = mark;
    if (this.#timer === undefined) {
      this.#flush();
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#flush();
      }, pauseMs);
    }
  }

  /** Writes what has not been written yet and closes the file. */
  close(): void {
    clearTimeout(this.#timer);
    this.#flush();
    if (this.#file !== undefined) {
      closeSync(this.#file);
      this.#file = undefined;
    }
  }

  #flush(): void {
    const mark = this.#next;
    if (mark === undefined || this.#file === undefined) {
      return;
    }
    this.#next = undefined;
    this.#written = mark.sequence;
    const sequence = String(mark.sequence).padStart(16, "0");
    const sentAt = String(Math.max(0, mark.sentAt)).padStart(15, "0");
    const line = `chatter-nats-head 1 ${this.#identity} ${sequence} ${sentAt}`;
    try {
      const at = this.#second ? lineLength : 0;
      writeSync(this.#file, `${line} ${sumOf(line)}\n`, at, "latin1");
      this.#second = !this.#second;
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #read(): HeadMark | undefined {
    const text = readFileSync(this.path, "latin1");
    let newest: HeadMark | undefined;
    for (const [i, line] of [text.slice(0, lineLength), text.slice(lineLength)].entries()) {
      const mark = parseLine(line, this.#identity);
      if (mark !== undefined && mark.sequence > (newest?.sequence ?? 0)) {
        newest = mark;
        this.#second = i === 0;
      }
    }
    return newest;
  }

  #giveUp(error: unknown): void {
    this.#file = undefined;
    this.#logger?.warn(
      { err: error },
      `${this.path} cannot be written: if NATS loses messages while this server is stopped, it will not notice`,
    );
  }
}

function parseLine(line: string, identity: string): HeadMark | undefined {
  const match = /^(chatter-nats-head 1 ([\w-]{8}) (\d{16}) (\d{15})) ([\da-f]{8})\n$/.exec(line);
  if (match === null || match[2] !== identity || match[5] !== sumOf(match[1]!)) {
    return undefined;
  }
  const sequence = Number(match[3]);
  return sequence > maxSequence ? undefined : { sequence, sentAt: Number(match[4]) };
}

function sumOf(text: string): string {
  return crc32c(Buffer.from(text, "latin1")).toString(16).padStart(8, "0");
}
