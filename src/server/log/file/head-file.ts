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
 * Nothing in a segment says whether its last commit was answered, or that further ones were
 * there before somebody cut the file. So a small file beside the segments says how far the log
 * had come. It is written after every commit, once that is durable and before anybody is notified
 * of it: a log that ends before the head of this file has lost messages.
 *
 * The write goes to the page cache and costs some microseconds; it is not synced. A killed
 * process loses nothing of it. A machine that loses power may leave an older head behind:
 * then the check is weaker for the last seconds before, but never wrong, as the file is never
 * ahead of the disk.
 *
 * There are two such files, in two folders, and both are written: a sector that cannot be read,
 * or a file that is gone, leaves the other one, which says the same. Each has two lines of one
 * length, written in turn: a torn or flipped line leaves the one before. They are text, so that
 * `cat` shows how far a log has come, and have had this shape since the first form of the log:
 * so older programs, which know the first file alone, see that they do not know this form.
 *
 * The second file has two more lines: the oldest message that is kept, where nothing but this
 * file could be written to. What is written over needs no room on a full disk.
 */

const lineLength = 50;
const firstLineLength = 52;

/** What a head file of a log says. */
export interface HeadMark {
  /** The form of the log: 1 is the LevelDB folder of older versions. */
  readonly form: number;
  readonly identity: string;
  /** Sequence of the newest message that was durable. */
  readonly head: number;
}

/** What is to be written, in this program's form. */
interface NewMark {
  readonly identity: string;
  readonly head: number;
  /** Sequence of the oldest message that is kept. */
  readonly first: number;
}

/** What was found where the head files are. */
export interface FoundMark {
  /** Undefined: neither says anything, as they are not there, or empty. */
  readonly mark: (HeadMark & NewMark) | undefined;
  /** Why one of them does not count, such as "/data/messages.head is missing". */
  readonly faults: readonly string[];
}

interface Look {
  readonly mark: (HeadMark & NewMark) | undefined;
  /** What is wrong with it, if it has no mark. */
  readonly problem: string;
  /** Whether a first start that was killed may have left it so. */
  readonly mayBeNew: boolean;
}

/**
 * Reads the head files of a log: either is enough, and the further one counts. Throws
 * `failed_precondition` if none is left and one is damaged or cannot be read, or if one is of a
 * newer form.
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
    // Older versions had none, and there is no need to report that it is made.
    return { mark: own.mark, faults: copy.mayBeNew ? [] : [copy.problem] };
  }
  if (copy.mark.identity !== own.mark.identity) {
    return { mark: own.mark, faults: [`${headCopy} belongs to another log than ${head}`] };
  }
  const further = copy.mark.head > own.mark.head ? copy.mark : own.mark;
  return { mark: { ...further, first: copy.mark.first }, faults: [] };
}

/** Looks at one of them. Throws `failed_precondition` for one of a newer form. */
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

/** What a head file says, of whatever form it is; undefined if neither line is whole. */
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

/** The oldest message that a log keeps, by a head file; 1 if it does not say. */
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

/**
 * Makes the first head file, or puts another one in its place: all of it or nothing, and
 * durable.
 */
export async function replaceHeadFile(
  path: string,
  mark: Pick<NewMark, "identity" | "head">,
): Promise<void> {
  await replaceFile(path, Buffer.from(ownText(mark), "latin1"));
}

const sync = promisify(fdatasync);

/** The open head files of a log that takes messages. */
export class HeadFile {
  /** Why one of them cannot be written to, for the operator. */
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
   * Opens both files and has them say `mark`, durably. One that is not there, or cannot be
   * written over, is made again. Rejects with what `fs` gives if neither can be written to.
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

  /** Puts down that the log has come to `head`. Throws what `fs` throws. */
  write(head: number): void {
    const line = Buffer.from(lineOf(this.#mark.identity, head), "latin1");
    const at = (this.#turn++ % 2) * lineLength;
    for (const { fd } of this.#files) {
      writeSync(fd, line, 0, lineLength, at);
    }
    this.#mark = { ...this.#mark, head };
  }

  /**
   * Puts down that `first` is the oldest message that is kept, durably, and where the disk is
   * full, too. Rejects with what `fs` gives.
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

  /** The open files: compared with what is at their paths. */
  get files(): readonly WatchedFile[] {
    return this.#files;
  }

  /** Makes what was written durable and closes the files. */
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

/** Opens a file and has it say a text, durably: in its place, or else in another file. */
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
    // Line by line: what a crash leaves of it has whole lines, old ones and new ones.
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
