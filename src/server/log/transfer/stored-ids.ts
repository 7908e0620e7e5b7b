import type { HashedId } from "../core/stored-record.js";
import type { FileStore } from "../file/file-store.js";

/** The ids that a store has, read along with its messages. */
export class StoredIds {
  /** Records that are damaged, among those that were read so far. */
  damaged = 0;
  readonly #records: ReturnType<FileStore["ids"]>;
  #read: HashedId[] = [];

  constructor(store: FileStore) {
    this.#records = store.ids();
  }

  /** Those of the messages after `after` up to `through`; neither goes down from call to call. */
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

  /** Lets go of the store. */
  async close(): Promise<void> {
    await this.#records.return(undefined);
  }
}
