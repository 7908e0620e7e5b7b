import { crc32c } from "../../encoding/crc32c.js";
import type { CopiedLog, CopiedMessage } from "./copied-message.js";

/*
 * An export is text, one JSON object a line:
 *
 *   {"chatter_export":1,"identity":"AbCdEfGh","first":1,"head":700}
 *   {"sequence":1,"sent_at":"2026-01-31T09:30:00.000Z","sender":"goa","message":"hello"}
 *   …
 *   {"through":500,"messages":500,"complete":false,"crc32c":"a1b2c3d4"}
 *   …
 *   {"through":700,"messages":700,"complete":true,"crc32c":"01020304"}
 *
 * The first line identifies the log and its state. Its form is 2 if messages of rooms other than
 * `main` follow, which have a "room": programs that do not know rooms, and would store them in
 * `main`, refuse it. If the first such message comes when that line is already written, a line
 * {"chatter_export":2} comes before it. A checkpoint follows every few hundred messages: the
 * sequence and the number of messages that the export has reached, whether that is the end, and the
 * CRC-32C of all bytes from the previous checkpoint up to the checksum itself. So a reader knows
 * what is complete, even in a stream; an export that was cut off can be resumed after its last
 * checkpoint, and a complete one can be continued with what was added to the log since.
 */

/** Raised when a change of the format would make older programs misread it. */
export const exportVersion = 2;

/** The form of an export in which all messages are in the room `main`. */
const mainVersion = 1;

/** How an export begins. */
export const exportStart = Buffer.from('{"chatter_export":');

/** How the line of a checkpoint begins. */
export const checkpointStart = Buffer.from('{"through":');

/** How a checkpoint ends: its checksum, in place of the zeros, and the end of the line. */
export const checkpointTail = Buffer.from(',"crc32c":"00000000"}\n');

/** Characters of messages after which a checkpoint is due. */
const blockLength = 128 * 1024;

/** A position in an export. */
export interface Checkpoint {
  /** The sequence that it has reached. */
  readonly through: number;
  /** The number of messages so far. */
  readonly messages: number;
  /** Whether this is the end. */
  readonly complete: boolean;
}

/** Where an export is resumed. */
export interface ExportPlace extends Checkpoint {
  /** Its form up to there. */
  readonly version: number;
}

/** Makes the text of an export, block by block, each with its checkpoint. */
export class ExportWriter {
  readonly #log: CopiedLog;
  #text = "";
  #through: number;
  #messages: number;
  #version: number;
  /** Whether the first line is still to be written. */
  #isNew: boolean;

  /** Begins the export of a log, or continues an existing export after a checkpoint. */
  constructor(log: CopiedLog, from?: ExportPlace) {
    this.#log = log;
    this.#isNew = from === undefined;
    this.#version = from?.version ?? mainVersion;
    this.#through = from?.through ?? log.first - 1;
    this.#messages = from?.messages ?? 0;
  }

  /** Adds the next messages; yields the blocks that are full, each to be written at once. */
  *add(messages: readonly CopiedMessage[]): Generator<Buffer, void> {
    for (const message of messages) {
      if (message.room !== "" && this.#version < exportVersion) {
        this.#version = exportVersion;
        this.#text += this.#isNew ? "" : `${JSON.stringify({ chatter_export: exportVersion })}\n`;
      }
      this.#text += lineOf(message);
      this.#through = message.sequence;
      this.#messages++;
      if (this.#text.length >= blockLength) {
        yield this.#block(false);
      }
    }
  }

  /** The last block: the log has been read through `head`. */
  end(head: number): Buffer {
    this.#through = head;
    return this.#block(true);
  }

  #block(complete: boolean): Buffer {
    const checkpoint = { through: this.#through, messages: this.#messages, complete };
    const header = this.#isNew ? headerOf(this.#log, this.#version) : "";
    const text = `${header}${this.#text}${JSON.stringify(checkpoint).slice(0, -1)}`;
    this.#isNew = false;
    this.#text = "";
    const bytes = Buffer.from(`${text}${checkpointTail}`);
    const summed = bytes.subarray(0, bytes.length - checkpointTail.length);
    bytes.write(formatSum(crc32c(summed)), bytes.length - 11, "latin1");
    return bytes;
  }
}

/** A checksum as checkpoints have it: eight hexadecimal digits. */
export function formatSum(sum: number): string {
  return sum.toString(16).padStart(8, "0");
}

function headerOf({ identity, first, head }: CopiedLog, version: number): string {
  return `${JSON.stringify({ chatter_export: version, identity, first, head })}\n`;
}

function lineOf({ sequence, sentAt, sender, text, room, idHash }: CopiedMessage): string {
  const line = {
    sequence,
    sent_at: new Date(sentAt).toISOString(),
    sender,
    message: text,
    room: room === "" ? undefined : room,
    id_hash: idHash && Buffer.from(idHash).toString("base64url"),
  };
  return `${JSON.stringify(line)}\n`;
}
