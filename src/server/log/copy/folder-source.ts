import { idHashBytes } from "../dedupe-window.js";
import { readWitness } from "../head-witness.js";
import { openError } from "../log-errors.js";
import { type LogFolder, logFolder } from "../log-folder.js";
import { openStore } from "../open-store.js";
import { type CopySource, decodeStored } from "./copied-message.js";
import { StoredIds } from "./stored-ids.js";

/**
 * The log in a folder that no server has open, to be copied.
 *
 * Rejects with `failed_precondition` if there is none, or if it cannot be opened.
 *
 * @param warn is told what is damaged though no message is
 */
export async function openFolderSource(
  dir: string,
  warn: (text: string) => void,
): Promise<CopySource> {
  const { store, identity, first, place } = await openStore(existingLog(dir));
  const { head } = place;
  return {
    identity,
    first,
    head,
    async *read(after, signal) {
      const ids = new StoredIds(store);
      try {
        for (let at = after; at < head; ) {
          signal.throwIfAborted();
          const batch = await store.read(at, head);
          const found = await ids.between(at, batch.last);
          yield decodeStored(
            batch.bytes,
            found.map(({ sequence, hashed }) => ({
              sequence,
              hash: hashed.subarray(0, idHashBytes),
            })),
          );
          at = batch.last;
        }
      } finally {
        await ids.close();
      }
      if (ids.damaged > 0) {
        warn(`${ids.damaged} records of message ids are damaged: the copy does not have these`);
      }
    },
    close: () => store.close(),
  };
}

/** The folder of a log that is there. Throws `failed_precondition` if there is none. */
export function existingLog(dir: string): LogFolder {
  const folder = logFolder(dir);
  if (readWitness(folder.witness) === undefined) {
    throw openError(`there is no log in ${dir}`);
  }
  return folder;
}
