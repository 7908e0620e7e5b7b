import { Code, ConnectError } from "@connectrpc/connect";
import { crc32c } from "../crc32c.js";
import { idHashBytes } from "../dedupe-window.js";
import type { CopiedLog, CopiedMessage } from "./copied-message.js";
import {
  type Checkpoint,
  checkpointStart,
  checkpointTail,
  exportStart,
  exportVersion,
  formatSum,
} from "./export-format.js";

/** Some messages of an export, whose checkpoint was found right. */
export interface ExportBlock extends Checkpoint {
  /** Of which log. */
  readonly log: CopiedLog;
  /** In the order of their sequences. */
  readonly copied: readonly CopiedMessage[];
  /** Where the block ends, in bytes from the beginning of the export. */
  readonly end: number;
}

/** Far more than any line, and any block, of a real export has: memory stays bounded. */
const maxBlockBytes = 32 * 1024 * 1024;

const newline = 0x0a;

/**
 * Reads an export, block by block; what follows the last checkpoint is not given.
 *
 * Throws `invalid_argument` for what is no export, or one of a newer version, and `data_loss`
 * for one that is damaged: with the place of the block that is not as it was written.
 */
export async function* readExport(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ExportBlock, void> {
  let bytes: Buffer = Buffer.alloc(0);
  /** Where `bytes` begins. */
  let offset = 0;
  let before: ExportBlock | undefined;
  for await (const chunk of chunks) {
    // Lines that were looked at are whole: the search goes on where they end.
    let line = bytes.lastIndexOf(newline) + 1;
    bytes = Buffer.concat([bytes, chunk]);
    for (let end = bytes.indexOf(newline, line); end >= 0; end = bytes.indexOf(newline, line)) {
      if (before === undefined && line === 0) {
        parseHeader(bytes.toString("utf8", 0, end));
      }
      const start = line;
      line = end + 1;
      if (bytes.subarray(start, line).indexOf(checkpointStart) === 0) {
        before = openBlock(bytes.subarray(0, line), start, offset, before);
        yield before;
        bytes = bytes.subarray(line);
        offset += line;
        line = 0;
      }
    }
    if (bytes.length > maxBlockBytes) {
      throw before === undefined ? noExport() : damaged(offset, offset + bytes.length);
    }
  }
  const start = bytes.subarray(0, exportStart.length);
  if (before === undefined && !exportStart.subarray(0, start.length).equals(start)) {
    throw noExport();
  }
}

/** Reads a block; `checkpointAt` is where the line of its checkpoint begins in it. */
function openBlock(
  block: Buffer,
  checkpointAt: number,
  offset: number,
  before: ExportBlock | undefined,
): ExportBlock {
  const end = offset + block.length;
  const summed = block.length - checkpointTail.length;
  const sum = formatSum(crc32c(block.subarray(0, Math.max(0, summed))));
  if (block.toString("latin1", summed) !== checkpointTail.toString().replace("00000000", sum)) {
    throw damaged(offset, end);
  }
  try {
    const lines = block.toString("utf8", 0, checkpointAt).split("\n").slice(0, -1);
    const log = before?.log ?? parseHeader(lines.shift()!);
    const copied = lines.map(parseMessage);
    const { through, messages, complete } = JSON.parse(block.toString("utf8", checkpointAt));
    const result = { log, copied, through, messages, complete, end };
    checkOrder(result, before);
    return result;
  } catch (error) {
    throw error instanceof ConnectError ? error : damaged(offset, end, error);
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
    throw new Error("a block is missing, or stands in another one's place");
  }
}

function parseHeader(line: string): CopiedLog {
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(line);
  } catch {
    throw noExport();
  }
  const { chatter_export: version, identity, first, head } = header ?? {};
  if (typeof version !== "number") {
    throw noExport();
  }
  if (version > exportVersion) {
    throw new ConnectError(
      `the export was written by a newer version of this program (form ${version}, ` +
        `this one knows ${exportVersion}): use that version`,
      Code.InvalidArgument,
    );
  }
  if (typeof identity !== "string" || !/^[\w-]{8}$/.test(identity)) {
    throw noExport();
  }
  return { identity, first: asCount(first), head: asCount(head) };
}

function parseMessage(line: string): CopiedMessage {
  const { sequence, sent_at, sender, message, id_hash } = JSON.parse(line);
  const sentAt = Date.parse(sent_at);
  const isText = typeof message === "string" && message !== "";
  if (typeof sender !== "string" || !isText || !(sentAt >= 0)) {
    throw new Error("a line is no message");
  }
  const copied = { sequence: asCount(sequence), sentAt, sender, text: message };
  if (id_hash === undefined) {
    return copied;
  }
  const idHash = Buffer.from(String(id_hash), "base64url");
  if (idHash.length !== idHashBytes) {
    throw new Error("an id is none");
  }
  return { ...copied, idHash };
}

function asCount(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw new Error("a number is missing");
  }
  return value as number;
}

function noExport(): ConnectError {
  return new ConnectError(
    "this is no export of a log: chatter log export makes one",
    Code.InvalidArgument,
  );
}

function damaged(from: number, to: number, cause?: unknown): ConnectError {
  return new ConnectError(
    `the export is damaged between byte ${from} and byte ${to}`,
    Code.DataLoss,
    undefined,
    undefined,
    cause,
  );
}
