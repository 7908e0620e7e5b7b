import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { ConnectError } from "@connectrpc/connect";
import { cannotWriteFile } from "../../cli/errors.js";
import { withChanges } from "../../errors/define.js";
import { systemReason } from "../../errors/system-reason.js";
import { syncDirectory } from "../log/file/disk-file.js";
import type { CopySource } from "../log/transfer/copied-message.js";
import { type ExportBlock, readExport } from "../log/transfer/export-reader.js";
import { notResumable, otherExport } from "./errors.js";

/** The file that an export is written to. */
export interface ExportFile {
  /** Its earlier contents; undefined if it is new. */
  readonly from: ExportBlock | undefined;
  /** Adds a block. */
  write(block: Uint8Array): Promise<void>;
  /** Resolves when all blocks are on the disk. */
  close(): Promise<void>;
}

/**
 * Opens the file of an export, or creates it. An existing export is resumed: its contents are
 * checked, and anything after its last checkpoint is cut off.
 *
 * Rejects with `failed_precondition` if it is a pipe or a device, if it is not an export of this
 * log, or if the log no longer has the next message; with `data_loss` if it is damaged.
 */
export async function openExportFile(path: string, source: CopySource): Promise<ExportFile> {
  // Read and write: an error comes at once if the file cannot be created.
  const file = await open(path, "a+", 0o600).catch((error: unknown) => {
    throw cannotWriteFile({
      path: JSON.stringify(path),
      reason: systemReason(error),
      cause: error,
    });
  });
  try {
    if (!(await file.stat()).isFile()) {
      throw notResumable({ path });
    }
    const from = await lastBlock(path);
    await checkFits(path, from, source);
    await file.truncate(from?.end ?? 0);
    return {
      from,
      write: (block) => file.appendFile(block),
      close: () => close(file, path),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function lastBlock(path: string): Promise<ExportBlock | undefined> {
  let last: ExportBlock | undefined;
  try {
    for await (const block of readExport(createReadStream(path, { highWaterMark: 1 << 18 }))) {
      // An empty export has no message: the last existing one will be compared.
      const copied = block.copied.length > 0 ? block.copied : (last?.copied ?? []);
      last = { ...block, copied };
    }
  } catch (error) {
    throw error instanceof ConnectError
      ? withChanges(error, { text: `${path}: ${error.rawMessage}` })
      : error;
  }
  return last;
}

/** Whether the contents of the file match this log, and can be resumed. */
async function checkFits(
  path: string,
  from: ExportBlock | undefined,
  source: CopySource,
): Promise<void> {
  if (from === undefined) {
    return;
  }
  const refuse = (why: string) => {
    throw otherExport({ path, why });
  };
  if (from.log.identity !== source.identity) {
    refuse(`is the export of another log, ${from.log.identity} and not ${source.identity}`);
  }
  if (from.through > source.head) {
    refuse(`continues to message ${from.through}, and the log ends with ${source.head}`);
  }
  if (from.through + 1 < source.first) {
    refuse(`ends with message ${from.through}, the oldest that the log has is ${source.first}`);
  }
  const last = from.copied.at(-1);
  if (last === undefined || last.sequence < source.first) {
    return;
  }
  for await (const [there] of source.read(last.sequence - 1, new AbortController().signal)) {
    const isSame =
      there?.text === last.text && there.sentAt === last.sentAt && there.room === last.room;
    if (!isSame) {
      refuse(`differs from the log at message ${last.sequence}`);
    }
    return;
  }
}

async function close(file: FileHandle, path: string): Promise<void> {
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(dirname(path));
}
