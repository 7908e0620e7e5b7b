import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import { systemReason } from "../../../errors/system-reason.js";
import { crc32c } from "../../encoding/crc32c.js";
import { maxSequence } from "../core/stored-record.js";
import type { LogFolder } from "../log-folder.js";
import { replaceFile } from "./disk-file.js";
import { headDamaged, newerForm } from "./errors.js";
import type { WatchedFile } from "./folder-watch.js";
import { formVersion } from "./segments/segment-header.js";

/*
 * Nothing in a segment says whether its last commit was answered, or that more commits existed
 * before somebody truncated the file. So a small file beside the segments says how far the log had
 * come. It is written after every commit, once that is durable and before anybody is notified of
 * it: a log that ends before the head in this file has lost messages.
 *
 * The write goes to the page cache and costs some microseconds; it is not synced. A killed process
 * loses nothing of it. A machine that loses power may leave an older head behind: then the check is
 * weaker for the last seconds before, but never wrong, because the file is never ahead of the disk.
 *
 * There are two such files, in two folders, and both are written: if a sector cannot be read or a
 * file is gone, the other file says the same. Each has two lines of the same length, written in
 * turn: if one line is torn or has flipped bits, the previous one remains. They are text, so that
 * `cat` shows how far a log has come, and have kept this layout since the first format of the log.
 * So older programs, which know only the first file, see that they do not know this format.
 *
 * The second file has two more lines: the oldest message that is kept, for when only this file
 * could be written. Overwriting needs no space on a full disk.
 */

const lineLength = 50;
const firstLineLength = 52;

/** The contents of a head file. */
export interface HeadMark {
  /** The format of the log: 1 is the LevelDB folder of older versions. */
  readonly form: number;
  readonly identity: string;
  /** Sequence of the newest message that was durable. */
  readonly head: number;
}

/** What is to be written, in this program's format. */
interface NewMark {
  readonly identity: string;
  readonly head: number;
  /** Sequence of the oldest message that is kept. */
  readonly first: number;
}

/** What was found in place of the head files. */
export interface FoundMark {
  /** Undefined: neither has a mark, because they are missing or empty. */
  readonly mark: (HeadMark & NewMark) | undefined;
  /** Why one of them does not count, such as "/data/messages.head is missing". */
  readonly faults: readonly string[];
}

interface Look {
  readonly mark: (HeadMark & NewMark) | undefined;
  /** What is wrong with it, if it has no mark. */
  readonly problem: string;
  /** Whether the first start of a log, when killed, may have left it like this. */
  readonly mayBeNew: boolean;
}

/**
 * Reads the head files of a log: one of them is enough, and the one that is further counts. Throws
 * `failed_precondition` if neither can be used and one is damaged or cannot be read, or if one has
 * a newer format.
 */
export function readHeadFiles({ head, headCopy }: LogFolder): FoundMark {
  const own = lookAt(head);
  const copy = lookAt(headCopy);
  if (own.mark === undefined && copy.mark === undefined) {
    const damaged = [own, copy].find(({ mayBeNew }) => !mayBeNew);
    if (damaged !== undefined) {
      throw headDamaged({ fault: damaged.problem });
    }
    return { mark: undefined, faults: [own.problem] };
  }
  if (own.mark === undefined) {
    return { mark: copy.mark, faults: [own.problem] };
  }
  if (copy.mark === undefined) {
    // Older versions had none, so there is no need to report that it is created.
    return { mark: own.mark, faults: copy.mayBeNew ? [] : [copy.problem] };
  }
  if (copy.mark.identity !== own.mark.identity) {
    return { mark: own.mark, faults: [`${headCopy} belongs to another log than ${head}`] };
  }
  const further = copy.mark.head > own.mark.head ? copy.mark : own.mark;
  return { mark: { ...further, first: copy.mark.first }, faults: [] };
}

/** Reads one of them. Throws `failed_precondition` if it has a newer format. */
function lookAt(path: string): Look {
  let text: string;
  try {
    text = readFileSync(path, "latin1");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isMissing = code === "ENOENT" || code === "ENOTDIR";
    const problem = isMissing
      ? `${path} is missing`
      : `cannot read ${path}: ${systemReason(error)}`;
    return { mark: undefined, problem, mayBeNew: isMissing };
  }
  const found = furthestMark(text);
  const mark = found && { ...found, first: furthestFirst(text, found.identity) };
  if (mark !== undefined && mark.form > formVersion) {
    throw newerForm({ path, form: mark.form, known: formVersion });
  }
  // Older versions wrote the first line into the new, empty file.
  const mayBeNew = text.length < lineLength;
  const what = text.length === 0 ? "is empty" : "is damaged: none of its lines is whole";
  return { mark, problem: `${path} ${what}`, mayBeNew };
}

/** The contents of a head file, of any format; undefined if neither line is intact. */
export function furthestMark(text: string): HeadMark | undefined {
  let best: HeadMark | undefined;
  for (const at of [0, lineLength]) {
    const found = parseLine(text.slice(at, at + lineLength));
    if (found !== undefined && (best === undefined || found.head > best.head)) {
      best = found;
    }
  }
  return best;
}

function parseLine(line: string): HeadMark | undefined {
  const match = /^chatter-log (\d{3}) ([\w-]{8}) (\d{15}) ([\da-f]{8})\n$/.exec(line);
  if (match === null || line.slice(41, 49) !== sumOf(line.slice(0, 40))) {
    return undefined;
  }
  const [, version, identity, head] = match;
  const form = Number(version);
  return Number(head) > maxSequence ? undefined : { form, identity: identity!, head: Number(head) };
}

/** The oldest message that a log keeps, according to a head file; 1 if it does not say. */
function furthestFirst(text: string, identity: string): number {
  const firsts = [0, firstLineLength].map((at) => {
    const start = 2 * lineLength + at;
    return parseFirst(text.slice(start, start + firstLineLength), identity);
  });
  return Math.max(...firsts);
}

function parseFirst(line: string, identity: string): number {
  const match = /^chatter-first \d{3} ([\w-]{8}) (\d{15}) ([\da-f]{8})\n$/.exec(line);
  if (match === null || match[1] !== identity || match[3] !== sumOf(line.slice(0, 42))) {
    return 1;
  }
  return Number(match[2]) > maxSequence ? 1 : Number(match[2]);
}

function sumOf(text: string): string {
  return crc32c(Buffer.from(text, "latin1")).toString(16).padStart(8, "0");
}

function lineOf(identity: string, sequence: number, name = "chatter-log"): string {
  const form = String(formVersion).padStart(3, "0");
  const line = `${name} ${form} ${identity} ${String(sequence).padStart(15, "0")}`;
  return `${line} ${sumOf(line)}\n`;
}

function firstLineOf({ identity, first }: Pick<NewMark, "identity" | "first">): string {
  return lineOf(identity, first, "chatter-first");
}

function ownText({ identity, head }: Pick<NewMark, "identity" | "head">): string {
  return lineOf(identity, head).repeat(2);
}

function copyText(mark: NewMark): string {
  return ownText(mark) + firstLineOf(mark).repeat(2);
}

/** Creates or replaces the first head file: all or nothing, and durable. */
export async function replaceHeadFile(
  path: string,
  mark: Pick<NewMark, "identity" | "head">,
): Promise<void> {
  await replaceFile(path, Buffer.from(ownText(mark), "latin1"));
}

const sync = promisify(fdatasync);

/** The open head files of a log that accepts messages. */
export class HeadFile {
  /** Why one of them cannot be written, for the operator. */
  readonly faults: readonly string[];
  readonly #copyPath: string;
  readonly #files: WatchedFile[];
  #mark: NewMark;
  #turn = 0;
  #firstTurn = 0;

  private constructor(
    copyPath: string,
    files: WatchedFile[],
    mark: NewMark,
    faults: readonly string[],
  ) {
    this.#copyPath = copyPath;
    this.#files = files;
    this.#mark = mark;
    this.faults = faults;
  }

  /**
   * Opens both files and writes `mark` to them, durably. A file that is missing or cannot be
   * overwritten is created again. Rejects with the error of `fs` if neither can be written.
   */
  static async open({ head, headCopy }: LogFolder, mark: NewMark): Promise<HeadFile> {
    const files: WatchedFile[] = [];
    const errors: unknown[] = [];
    const faults: string[] = [];
    const texts = [
      [head, ownText(mark)],
      [headCopy, copyText(mark)],
    ] as const;
    for (const [path, text] of texts) {
      try {
        files.push({ path, fd: await openWith(path, text) });
      } catch (error) {
        errors.push(error);
        faults.push(`cannot write ${path}: ${(error as Error).message}`);
      }
    }
    if (files.length === 0) {
      throw errors[0];
    }
    return new HeadFile(headCopy, files, mark, faults);
  }

  /** Records that the log has come to `head`. Throws what `fs` throws. */
  write(head: number): void {
    const line = Buffer.from(lineOf(this.#mark.identity, head), "latin1");
    const at = (this.#turn++ % 2) * lineLength;
    for (const { fd } of this.#files) {
      writeSync(fd, line, 0, lineLength, at);
    }
    this.#mark = { ...this.#mark, head };
  }

  /**
   * Records durably that `first` is the oldest message that is kept, even if the disk is full.
   * Rejects with the error of `fs`.
   */
  async writeFirst(first: number): Promise<void> {
    this.#mark = { ...this.#mark, first };
    let copy = this.#files.find(({ path }) => path === this.#copyPath);
    if (copy === undefined) {
      copy = { path: this.#copyPath, fd: await openWith(this.#copyPath, copyText(this.#mark)) };
      this.#files.push(copy);
      return;
    }
    const at = 2 * lineLength + (this.#firstTurn++ % 2) * firstLineLength;
    writeSync(copy.fd, firstLineOf(this.#mark), at, "latin1");
    await sync(copy.fd);
  }

  /** The open files, to be compared with those at their paths. */
  get files(): readonly WatchedFile[] {
    return this.#files;
  }

  /** Makes everything written durable and closes the files. */
  close(): void {
    try {
      for (const { fd } of this.#files) {
        fdatasyncSync(fd);
      }
    } finally {
      for (const { fd } of this.#files) {
        closeSync(fd);
      }
    }
  }
}

/** Opens a file and writes a text to it, durably: in place, or else by replacing the file. */
async function openWith(path: string, text: string): Promise<number> {
  try {
    return writeOver(path, text);
  } catch {
    await replaceFile(path, Buffer.from(text, "latin1"));
    return openSync(path, "r+");
  }
}

function writeOver(path: string, text: string): number {
  const fd = openSync(path, "r+");
  try {
    // Line by line: after a crash, each line is either the old one or the new one.
    for (let at = 0; at < text.length; ) {
      const end = text.indexOf("\n", at) + 1;
      writeSync(fd, text.slice(at, end), at, "latin1");
      at = end;
    }
    fsyncSync(fd);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
