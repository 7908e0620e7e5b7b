import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import type { CopySource } from "../../server/log/copy/copied-message.js";
import { type ExportBlock, readExport } from "../../server/log/copy/export-reader.js";
import { syncFolder } from "../../server/log/log-folder.js";

/** A file that an export is written to. */
export interface ExportFile {
  /** What it had before; undefined if it is new. */
  readonly from: ExportBlock | undefined;
  /** Adds a block. */
  write(block: Uint8Array): Promise<void>;
  /** Resolves when all is on the disk. */
  close(): Promise<void>;
}

/**
 * Opens the file of an export, or makes it. One that is there is gone on with: what it has
 * is checked, what follows its last checkpoint is cut off.
 *
 * Rejects with `failed_precondition` if it is a pipe or a device, if it is not the export of
 * this log, or if what it needs next is in the log no more; with `data_loss` if it is damaged.
 */
export async function openExportFile(path: string, source: CopySource): Promise<ExportFile> {
  // Read and write: it says at once if the file cannot be made.
  const file = await open(path, "a+", 0o600);
  try {
    if (!(await file.stat()).isFile()) {
      throw new ConnectError(
        `${path} is no file that can be gone on with: export to standard output, without a path`,
        Code.FailedPrecondition,
      );
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
      // An empty one has no message: the last that there is will be compared.
      const copied = block.copied.length > 0 ? block.copied : (last?.copied ?? []);
      last = { ...block, copied };
    }
  } catch (error) {
    throw error instanceof ConnectError
      ? new ConnectError(`${path}: ${error.rawMessage}`, error.code)
      : error;
  }
  return last;
}

/** Whether what is in the file is what was in this log, and can be gone on with. */
async function checkFits(
  path: string,
  from: ExportBlock | undefined,
  source: CopySource,
): Promise<void> {
  if (from === undefined) {
    return;
  }
  const refuse = (why: string) => {
    throw new ConnectError(`${path} ${why}: export to a new file`, Code.FailedPrecondition);
  };
  if (from.log.identity !== source.identity) {
    refuse(`is the export of another log, ${from.log.identity} and not ${source.identity}`);
  }
  if (from.through > source.head) {
    refuse(`goes on to message ${from.through}, the log ends with ${source.head}`);
  }
  if (from.through + 1 < source.first) {
    refuse(`ends with message ${from.through}, the oldest that the log has is ${source.first}`);
  }
  const last = from.copied.at(-1);
  if (last === undefined || last.sequence < source.first) {
    return;
  }
  for await (const [there] of source.read(last.sequence - 1, new AbortController().signal)) {
    if (there?.text !== last.text || there.sentAt !== last.sentAt) {
      refuse(`has another message ${last.sequence} than the log`);
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
  await syncFolder(dirname(path));
}
