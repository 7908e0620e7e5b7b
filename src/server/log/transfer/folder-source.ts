import { idHashBytes } from "../core/dedupe-window.js";
import { readHeadFiles } from "../file/head-file.js";
import { type OpenedStore, openStore } from "../file/open-store.js";
import { hasNoFiles, logFolder } from "../log-folder.js";
import { type CopySource, decodeStored } from "./copied-message.js";
import { noLog } from "./errors.js";
import { StoredIds } from "./stored-ids.js";

/**
 * The log in a folder that no server has open, to be copied.
 *
 * Rejects with `failed_precondition` if there is none, or if it cannot be opened.
 *
 * @param warn is called with damage that affects no message
 */
export async function openFolderSource(
  dir: string,
  warn: (text: string) => void,
): Promise<CopySource> {
  const { store, lock, identity, first, place, headFaults } = await openToRead(dir);
  for (const fault of headFaults) {
    warn(fault);
  }
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
    close: async () => {
      await store.close();
      lock.release();
    },
  };
}

/**
 * Opens the log in a folder for reading: nothing is written, so the folder may be read-only.
 * Rejects with `failed_precondition` if there is none, or if it cannot be opened.
 */
export async function openToRead(dir: string): Promise<OpenedStore> {
  const folder = logFolder(dir);
  if (readHeadFiles(folder).mark === undefined && (await hasNoFiles(folder))) {
    throw noLog({ dir });
  }
  return openStore(folder, { isReadOnly: true });
}
