import type { HashedId } from "../core/stored-record.js";
import type { FileStore } from "../file/file-store.js";

/** The ids of a store, read along with its messages. */
export class StoredIds {
  /** Damaged records, among those read so far. */
  damaged = 0;
  readonly #records: ReturnType<FileStore["ids"]>;
  #read: HashedId[] = [];

  constructor(store: FileStore) {
    this.#records = store.ids();
  }

  /** The ids of the messages after `after` up to `through`; neither goes down from call to call. */
  async between(after: number, through: number): Promise<HashedId[]> {
    while ((this.#read.at(-1)?.sequence ?? 0) <= through) {
      const { done, value } = await this.#records.next();
      if (done) {
        break;
      }
      for (const record of value) {
        this.damaged += record === undefined ? 1 : 0;
        this.#read.push(...(record?.ids ?? []));
      }
    }
    const end = this.#read.findIndex(({ sequence }) => sequence > through);
    const found = this.#read.splice(0, end < 0 ? this.#read.length : end);
    return found.filter(({ sequence }) => sequence > after);
  }

  /** Releases the store. */
  async close(): Promise<void> {
    await this.#records.return(undefined);
  }
}
