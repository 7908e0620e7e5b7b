import { existsSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { openError } from "../log-errors.js";
import { type LogFolder, syncFolder } from "../log-folder.js";
import type { CopiedLog } from "./copied-message.js";

/** What the folder's mark says: which import goes on there. */
export interface ImportMark {
  /** The identity of the log that is imported. */
  readonly from: string;
  /** That of the log in the folder. */
  readonly into: string;
  /** The first sequence of the log in the folder. */
  readonly first: number;
}

/**
 * The mark of an import that has begun; undefined if there is none. Rejects with
 * `failed_precondition` if it is of another import than this.
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
    throw openError(`${folder.importMark} is damaged: empty ${folder.dir} and begin anew`, cause);
  }
  if (mark.from !== log.identity || (mark.from !== mark.into) !== newIdentity) {
    throw openError(
      `another import into ${folder.dir} was not finished, that of log ${mark.from}` +
        `${mark.from === mark.into ? "" : " with a new identity"}: finish it, or empty the folder`,
    );
  }
  return mark;
}

/** Puts the mark down before the first message. */
export async function writeImportMark(folder: LogFolder, mark: ImportMark): Promise<void> {
  const file = await open(folder.importMark, "w", 0o600);
  try {
    await file.writeFile(`${JSON.stringify(mark)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(folder.dir);
}
