import { isUtf8 } from "node:buffer";
import { fstatSync } from "node:fs";
import type { Readable } from "node:stream";
import { inputUnreadable, unpostableInput, unpostableLine } from "./errors.js";

/** Maximum size of a message, in bytes of UTF-8. */
const maxBytes = 65_536;

const newline = 0x0a;
const carriageReturn = 0x0d;
/** Some editors put it at the start of a file to mark it as UTF-8. */
const byteOrderMark = Buffer.from("\ufeff");

/** The lines of standard input. Throws if that is a folder, which Node would read as empty. */
export function standardInputLines(): InputLines {
  refuseFolder();
  return new InputLines(process.stdin);
}

/**
 * Standard input as one message, without the final line break, and without a byte order mark at its
 * start. Rejects with `invalid_argument` if it is too long or not UTF-8.
 */
export async function wholeStandardInput(): Promise<string> {
  refuseFolder();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxBytes + byteOrderMark.length + 2) {
      break;
    }
  }
  const bytes = Buffer.concat(chunks);
  const line = bytes.at(-1) === newline ? bytes.subarray(0, -1) : bytes;
  const text = withoutFrame(line, true);
  const fault = faultOf(text);
  if (fault !== undefined) {
    throw unpostableInput({ fault });
  }
  return text.toString("utf8");
}

function refuseFolder(): void {
  if (fstatSync(0).isDirectory()) {
    throw inputUnreadable({ reason: "it is a folder" });
  }
}

/**
 * The lines of an input, one message each, without their line breaks ("\n" or "\r\n"). Empty lines
 * are left out, and so is a byte order mark at the very start of the input. Holds no more than a
 * line and a chunk at a time.
 *
 * A line that cannot be a message ends the lines: those before it can then be posted to the end,
 * and {@link fault} says what was wrong.
 */
export class InputLines {
  /** Why the lines ended before the input did: it cannot be read, or `invalid_argument`. */
  fault: Error | undefined;
  #number = 0;
  readonly #input: Readable;

  constructor(input: Readable) {
    this.#input = input;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    try {
      yield* this.#read();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.fault = inputUnreadable({ reason, cause: error });
    }
  }

  async *#read(): AsyncGenerator<string, void> {
    let parts: Buffer[] = [];
    let length = 0;
    for await (const chunk of this.#input as AsyncIterable<Buffer>) {
      let start = 0;
      for (;;) {
        const end = chunk.indexOf(newline, start);
        const part = end === -1 ? chunk.subarray(start) : chunk.subarray(start, end);
        parts.push(part);
        length += part.length;
        // More than a message has: space for the byte order mark and the carriage return.
        if (end === -1 && length <= maxBytes + byteOrderMark.length + 1) {
          break;
        }
        const line = this.#decode(parts.length === 1 ? part : Buffer.concat(parts, length));
        if (line === undefined) {
          return;
        }
        if (line !== "") {
          yield line;
        }
        parts = [];
        length = 0;
        start = end + 1;
      }
    }
    const rest = this.#decode(Buffer.concat(parts, length));
    if (rest !== undefined && rest !== "") {
      yield rest;
    }
  }

  /** The line's text; undefined, with a fault, if it cannot be a message. */
  #decode(bytes: Buffer): string | undefined {
    this.#number++;
    const line = withoutFrame(bytes, this.#number === 1);
    const fault = faultOf(line);
    if (fault !== undefined) {
      this.#refuse(fault);
      return undefined;
    }
    return line.toString("utf8");
  }

  #refuse(fault: string): void {
    this.fault = unpostableLine({ number: this.#number, fault });
  }
}

/** A line without its final carriage return, and without the input's byte order mark. */
function withoutFrame(bytes: Buffer, isFirst: boolean): Buffer {
  const end = bytes.at(-1) === carriageReturn ? bytes.length - 1 : bytes.length;
  const hasMark = isFirst && bytes.indexOf(byteOrderMark) === 0;
  return bytes.subarray(hasMark ? byteOrderMark.length : 0, end);
}

/** Why these bytes cannot be a message; undefined if they can. */
function faultOf(bytes: Buffer): string | undefined {
  if (bytes.length > maxBytes) {
    return `is over ${maxBytes.toLocaleString("en")} bytes, the most that a message has`;
  }
  return isUtf8(bytes) ? undefined : "is not UTF-8";
}
