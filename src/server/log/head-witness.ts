import { closeSync, fdatasyncSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { crc32c } from "./crc32c.js";
import { openError } from "./log-errors.js";
import { formatVersion, maxSequence } from "./record.js";

/*
 * LevelDB drops the damaged end of its own log without a word, and with a damaged list of
 * tables it forgets the newest ones: the store then opens as if the last messages had never
 * been there. So a small file beside it says how far the log had come. It is written after
 * every commit, once that is durable and before anybody hears of it: a store that ends
 * before the witness's head has lost messages.
 *
 * The write goes to the page cache and costs some microseconds; it is not synced. A killed
 * process loses nothing of it. A machine that loses power may leave an older head behind:
 * then the check is weaker for the last seconds before, but never wrong, as the witness is
 * never ahead of the disk.
 *
 * The file has two lines of one length, written in turn: a torn or flipped line leaves the
 * other one. They are text, so that `cat` shows how far a log has come.
 */

const lineLength = 50;

/** What a witness says. */
export interface Testimony {
  readonly identity: string;
  /** Sequence of the newest message that was durable. */
  readonly head: number;
}

/**
 * Reads a witness; undefined if the file is not there. Throws `failed_precondition` if it
 * is no witness, or one of a newer version.
 */
export function readWitness(path: string): Testimony | undefined {
  let text: string;
  try {
    text = readFileSync(path, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return undefined;
    }
    throw openError(`cannot read ${path}: ${(error as Error).message}`, error);
  }
  let best: Testimony | undefined;
  for (const line of [text.slice(0, lineLength), text.slice(lineLength)]) {
    const found = parseLine(path, line);
    if (found !== undefined && (best === undefined || found.head > best.head)) {
      best = found;
    }
  }
  if (best === undefined) {
    throw openError(`${path} is damaged: both of its lines are unreadable`);
  }
  return best;
}

function parseLine(path: string, line: string): Testimony | undefined {
  const match = /^chatter-log (\d{3}) ([\w-]{8}) (\d{15}) ([\da-f]{8})\n$/.exec(line);
  if (match === null || line.slice(41, 49) !== sumOf(line.slice(0, 40))) {
    return undefined;
  }
  const [, version, identity, head] = match;
  if (Number(version) > formatVersion) {
    throw openError(
      `${path} was written by a newer version of this program (form ${Number(version)}, ` +
        `this one knows ${formatVersion}): use that version`,
    );
  }
  return Number(head) > maxSequence ? undefined : { identity: identity!, head: Number(head) };
}

function sumOf(text: string): string {
  return crc32c(Buffer.from(text, "latin1")).toString(16).padStart(8, "0");
}

/** The open witness of a log that takes messages. */
export class HeadWitness {
  readonly #file: number;
  readonly #start: string;
  #second = false;

  /** Opens or makes the file and has it say `testimony`, durably. Throws what `fs` throws. */
  constructor(path: string, testimony: Testimony) {
    this.#start = `chatter-log ${String(formatVersion).padStart(3, "0")} ${testimony.identity} `;
    this.#file = openSync(path, "a+", 0o600);
    closeSync(this.#file);
    this.#file = openSync(path, "r+");
    this.write(testimony.head);
    this.write(testimony.head);
    fsyncSync(this.#file);
  }

  /** Puts down that the log has come to `head`. Throws what `fs` throws. */
  write(head: number): void {
    const line = this.#start + String(head).padStart(15, "0");
    writeSync(this.#file, `${line} ${sumOf(line)}\n`, this.#second ? lineLength : 0, "latin1");
    this.#second = !this.#second;
  }

  /** Makes what was written durable and closes the file. */
  close(): void {
    try {
      fdatasyncSync(this.#file);
    } finally {
      closeSync(this.#file);
    }
  }
}
