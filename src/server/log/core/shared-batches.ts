import type { Batch } from "../message-log.js";

/** From this size on, a batch is kept even if newer messages would fit into it. */
const worthSharingBytes = 4096;

/** Maximum size of the cached batches and their keys, in bytes. */
const maxBytes = 8 * 1024 * 1024;

/** Approximate size of a cache entry besides its messages and its key, in bytes. */
const batchOverhead = 256;

interface SharedBatch {
  readonly after: number;
  readonly key: string;
  readonly batch: Batch;
  /** The batch is complete up to this sequence. */
  readonly through: number;
}

/**
 * A cache of batches. Readers at the same position of the same rooms get the same object, so that
 * anything derived from it is computed once for all of them.
 */
export class SharedBatches {
  /** By the sequence after which they begin, and by the key of their selection. */
  readonly #batches = new Map<number, Map<string, SharedBatch>>();
  /** The oldest first. */
  readonly #inOrder = new Set<SharedBatch>();
  #bytes = 0;

  /** Approximate size of the cache, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The cached batch after a sequence; undefined if there is none.
   *
   * @param newest the sequence of the newest message that may be selected: a short batch that was
   *   made before that message is not returned
   */
  get(after: number, key: string, newest: number): Batch | undefined {
    const found = this.#batches.get(after)?.get(key);
    return found && (found.through === newest || found.batch.bytes.length >= worthSharingBytes)
      ? found.batch
      : undefined;
  }

  /**
   * Caches a batch, and returns it.
   *
   * @param through the batch is complete up to this sequence. Default: its last one
   */
  add(after: number, key: string, batch: Batch, through = batch.last): Batch {
    const before = this.#batches.get(after)?.get(key);
    if (before) {
      this.#drop(before);
    }
    const added = { after, key, batch, through };
    const there = this.#batches.get(after);
    if (there) {
      there.set(key, added);
    } else {
      this.#batches.set(after, new Map([[key, added]]));
    }
    this.#inOrder.add(added);
    this.#bytes += bytesOf(added);
    for (const oldest of this.#inOrder) {
      if (this.#bytes <= maxBytes) {
        break;
      }
      this.#drop(oldest);
    }
    return batch;
  }

  /** Removes batches that begin after a sequence before this one: nobody asks for them again. */
  dropBefore(after: number): void {
    for (const [begin, batches] of this.#batches) {
      if (begin < after) {
        for (const batch of batches.values()) {
          this.#drop(batch);
        }
      }
    }
  }

  #drop(dropped: SharedBatch): void {
    const { after, key } = dropped;
    const there = this.#batches.get(after)!;
    there.delete(key);
    if (there.size === 0) {
      this.#batches.delete(after);
    }
    this.#inOrder.delete(dropped);
    this.#bytes -= bytesOf(dropped);
  }
}

/** A key has all the names of a selection: it can be much larger than a batch. */
function bytesOf({ batch, key }: SharedBatch): number {
  return batch.bytes.length + key.length + batchOverhead;
}
