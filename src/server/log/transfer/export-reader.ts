import { ConnectError } from "@connectrpc/connect";
import { isRoomName } from "../../../protocol/rooms.js";
import { crc32c } from "../../encoding/crc32c.js";
import { idHashBytes } from "../core/dedupe-window.js";
import type { CopiedLog, CopiedMessage } from "./copied-message.js";
import { damagedExport, newerExport, notAnExport } from "./errors.js";
import {
  checkpointStart,
  checkpointTail,
  type ExportPlace,
  exportStart,
  exportVersion,
  formatSum,
} from "./export-format.js";

/** Some messages of an export whose checkpoint was verified. */
export interface ExportBlock extends ExportPlace {
  /** The log that they come from. */
  readonly log: CopiedLog;
  /** In the order of their sequences. */
  readonly copied: readonly CopiedMessage[];
  /** Where the block ends, in bytes from the beginning of the export. */
  readonly end: number;
}

/** Far larger than any line, and any block, of a real export: memory stays limited. */
const maxBlockBytes = 32 * 1024 * 1024;

const newline = 0x0a;

const startText = exportStart.toString();

/**
 * Reads an export, block by block; what follows the last checkpoint is not returned.
 *
 * Throws `invalid_argument` if this is not a valid export, or one of a newer version, and
 * `data_loss` if it is damaged: with the position of the damaged block.
 */
export async function* readExport(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ExportBlock, void> {
  let bytes: Buffer = Buffer.alloc(0);
  /** Where `bytes` begins. */
  let offset = 0;
  let before: ExportBlock | undefined;
  for await (const chunk of chunks) {
    // Lines that were searched are complete: the search continues where they end.
    let line = bytes.lastIndexOf(newline) + 1;
    bytes = Buffer.concat([bytes, chunk]);
    for (let end = bytes.indexOf(newline, line); end >= 0; end = bytes.indexOf(newline, line)) {
      if (before === undefined && line === 0) {
        parseHeader(bytes.toString("utf8", 0, end));
      }
      const start = line;
      line = end + 1;
      if (bytes.subarray(start, line).indexOf(checkpointStart) === 0) {
        before = decodeBlock(bytes.subarray(0, line), start, offset, before);
        yield before;
        bytes = bytes.subarray(line);
        offset += line;
        line = 0;
      }
    }
    if (bytes.length > maxBlockBytes) {
      throw before === undefined
        ? notAnExport()
        : damagedExport({ from: offset, to: offset + bytes.length });
    }
  }
  const start = bytes.subarray(0, exportStart.length);
  if (before === undefined && !exportStart.subarray(0, start.length).equals(start)) {
    throw notAnExport();
  }
}

/** Reads a block; the line of its checkpoint begins at `checkpointAt`. */
function decodeBlock(
  block: Buffer,
  checkpointAt: number,
  offset: number,
  before: ExportBlock | undefined,
): ExportBlock {
  const end = offset + block.length;
  const summed = block.length - checkpointTail.length;
  const sum = formatSum(crc32c(block.subarray(0, Math.max(0, summed))));
  if (block.toString("latin1", summed) !== checkpointTail.toString().replace("00000000", sum)) {
    throw damagedExport({ from: offset, to: end });
  }
  try {
    const lines = block.toString("utf8", 0, checkpointAt).split("\n").slice(0, -1);
    const { log, version: begun } = before ?? parseHeader(lines.shift()!);
    let version = begun;
    const copied: CopiedMessage[] = [];
    for (const line of lines) {
      if (line.startsWith(startText)) {
        version = parseVersion(JSON.parse(line));
      } else {
        copied.push(parseMessage(line));
      }
    }
    const { through, messages, complete } = JSON.parse(block.toString("utf8", checkpointAt));
    const result = { log, version, copied, through, messages, complete, end };
    checkOrder(result, before);
    return result;
  } catch (error) {
    throw error instanceof ConnectError
      ? error
      : damagedExport({ from: offset, to: end, cause: error });
  }
}

function checkOrder(block: ExportBlock, before: ExportBlock | undefined): void {
  let last = before?.through ?? block.log.first - 1;
  for (const { sequence } of block.copied) {
    if (sequence <= last) {
      throw new Error(`message ${sequence} follows message ${last}`);
    }
    last = sequence;
  }
  if (block.messages !== (before?.messages ?? 0) + block.copied.length || block.through < last) {
    throw new Error("a block is missing or out of order");
  }
}

function parseHeader(line: string): { readonly log: CopiedLog; readonly version: number } {
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(line);
  } catch {
    throw notAnExport();
  }
  const version = parseVersion(header);
  const { identity, first, head } = header;
  if (typeof identity !== "string" || !/^[\w-]{8}$/.test(identity)) {
    throw notAnExport();
  }
  return { log: { identity, first: asCount(first), head: asCount(head) }, version };
}

function parseVersion(header: Record<string, unknown>): number {
  const { chatter_export: version } = header ?? {};
  if (typeof version !== "number") {
    throw notAnExport();
  }
  if (version > exportVersion) {
    throw newerExport({ form: version, known: exportVersion });
  }
  return version;
}

function parseMessage(line: string): CopiedMessage {
  const { sequence, sent_at, sender, message, room = "", id_hash } = JSON.parse(line);
  const sentAt = Date.parse(sent_at);
  if (typeof sender !== "string" || typeof message !== "string" || !(sentAt >= 0)) {
    throw new Error("a line is not a message");
  }
  if (room !== "" && !isRoomName(String(room))) {
    throw new Error("a room is not a valid name");
  }
  const copied = { sequence: asCount(sequence), sentAt, sender, text: message, room };
  if (id_hash === undefined) {
    return copied;
  }
  const idHash = Buffer.from(String(id_hash), "base64url");
  if (idHash.length !== idHashBytes) {
    throw new Error("an id is not valid");
  }
  return { ...copied, idHash };
}

function asCount(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw new Error("a number is missing");
  }
  return value as number;
}
