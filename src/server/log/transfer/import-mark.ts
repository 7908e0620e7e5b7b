import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { replaceFile } from "../file/disk-file.js";
import type { LogFolder } from "../log-folder.js";
import type { CopiedLog } from "./copied-message.js";
import { importMarkDamaged, otherImport } from "./errors.js";

/** The contents of the folder's mark: the import that is in progress there. */
export interface ImportMark {
  /** The identity of the log that is imported. */
  readonly from: string;
  /** The identity of the log in the folder. */
  readonly into: string;
  /** The first sequence of the log in the folder. */
  readonly first: number;
}

/**
 * The mark of an import that has begun; undefined if there is none. Rejects with
 * `failed_precondition` if it belongs to another import than this.
 */
export async function readImportMark(
  folder: LogFolder,
  { log, newIdentity = false }: { readonly log: CopiedLog; readonly newIdentity?: boolean },
): Promise<ImportMark | undefined> {
  if (!existsSync(folder.importMark)) {
    return undefined;
  }
  let mark: ImportMark;
  try {
    mark = JSON.parse(await readFile(folder.importMark, "utf8"));
  } catch (cause) {
    throw importMarkDamaged({ path: folder.importMark, dir: folder.dir, cause });
  }
  if (mark.from !== log.identity || (mark.from !== mark.into) !== newIdentity) {
    throw otherImport({
      dir: folder.dir,
      log: `${mark.from}${mark.from === mark.into ? "" : " with a new identity"}`,
    });
  }
  return mark;
}

/** Writes the mark before the first message: all of it or nothing, and durable. */
export async function writeImportMark(folder: LogFolder, mark: ImportMark): Promise<void> {
  await replaceFile(folder.importMark, Buffer.from(`${JSON.stringify(mark)}\n`));
}
