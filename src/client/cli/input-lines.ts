import { isUtf8 } from "node:buffer";
import { fstatSync } from "node:fs";
import type { Readable } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";

/** The most bytes of UTF-8 that a message may have. */
const maxBytes = 65_536;

const newline = 0x0a;
const carriageReturn = 0x0d;

/** The lines of standard input. Throws if that is a folder, which Node takes for empty. */
export function standardInputLines(): InputLines {
  if (fstatSync(0).isDirectory()) {
    throw new Error("cannot read standard input: it is a directory");
  }
  return new InputLines(process.stdin);
}

/**
 * The lines of an input, one message each, without their ends ("\n" or "\r\n"). Empty lines
 * are left out. Holds no more than a line and a chunk at a time.
 *
 * A line that no message can be ends the lines: what came before it can then be posted to
 * its end, and {@link fault} says what was wrong.
 */
export class InputLines {
  /** Why the lines ended before the input did: it cannot be read, or `invalid_argument`. */
  fault: Error | undefined;
  private number = 0;
  private readonly input: Readable;

  constructor(input: Readable) {
    this.input = input;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    try {
      yield* this.read();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.fault = new Error(`cannot read standard input: ${reason}`, { cause: error });
    }
  }

  private async *read(): AsyncGenerator<string, void> {
    let pieces: Buffer[] = [];
    let length = 0;
    for await (const chunk of this.input as AsyncIterable<Buffer>) {
      let start = 0;
      for (;;) {
        const end = chunk.indexOf(newline, start);
        const piece = end === -1 ? chunk.subarray(start) : chunk.subarray(start, end);
        pieces.push(piece);
        length += piece.length;
        // One more than a message has, for the carriage return.
        if (end === -1 && length <= maxBytes + 1) {
          break;
        }
        const line = this.decode(pieces.length === 1 ? piece : Buffer.concat(pieces, length));
        if (line === undefined) {
          return;
        }
        if (line !== "") {
          yield line;
        }
        pieces = [];
        length = 0;
        start = end + 1;
      }
    }
    const rest = this.decode(Buffer.concat(pieces, length));
    if (rest !== undefined && rest !== "") {
      yield rest;
    }
  }

  /** The line's text; undefined, with a fault, if it cannot be a message. */
  private decode(bytes: Buffer): string | undefined {
    this.number++;
    const end = bytes.at(-1) === carriageReturn ? bytes.length - 1 : bytes.length;
    const line = bytes.subarray(0, end);
    if (line.length > maxBytes) {
      this.refuse(`is over ${maxBytes.toLocaleString("en")} bytes, the most that a message has`);
      return undefined;
    }
    if (!isUtf8(line)) {
      this.refuse("is not UTF-8");
      return undefined;
    }
    return line.toString("utf8");
  }

  private refuse(reason: string): void {
    this.fault = new ConnectError(
      `line ${this.number} of standard input ${reason}; the lines before it were posted`,
      Code.InvalidArgument,
    );
  }
}
