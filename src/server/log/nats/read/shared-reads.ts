import { orAborted } from "../../../../async/abort.js";
import { createDeferred } from "../../../../async/deferred.js";
import type { RoomSelection } from "../../../rooms/room-selection.js";
import type { Batch } from "../../message-log.js";

/** How many requests are served at the same time; more wait for their turn. */
const maxServed = 8;

/** Maximum number of bytes of batches that are kept for other readers. */
const maxCachedBytes = 16 * 1024 * 1024;

/** A batch, its rooms and its position. */
interface CachedBatch {
  /** The rooms that were read: see `RoomSelection.key`. */
  readonly key: string;
  /** The sequence after which it begins. */
  readonly after: number;
  readonly batch: Batch;
}

/** A request for the messages after a sequence in some rooms, shared by all readers of these. */
export interface ReadRequest {
  readonly after: number;
  /** The log has messages up to this sequence at least. */
  readonly through: number;
  readonly rooms: RoomSelection;
  /** How many readers wait for it; with 0, it need not be served. */
  waiting: number;
  /** @param batch undefined if the rooms have nothing up to `through` */
  readonly resolve: (batch: Batch | undefined) => void;
  readonly reject: (error: unknown) => void;
}

interface SharedRequest extends ReadRequest {
  readonly result: Promise<Batch | undefined>;
  isResolved: boolean;
  /** Makes readers that joined too late request it again. */
  readonly giveUp: () => void;
}

/**
 * Requests for messages that are no longer in memory. A few are served at a time, and readers at
 * the same place of the same rooms share one. Batches are kept for a while, because readers that
 * are behind are often behind by the same amount.
 */
export class SharedReads {
  readonly #serve: (request: ReadRequest) => Promise<void>;
  /** Newest last. */
  #cache: CachedBatch[] = [];
  #cachedBytes = 0;
  /** By their rooms and the sequence after which they begin. */
  readonly #requests = new Map<string, SharedRequest>();
  /** Requests that are not being served yet. */
  readonly #queue: SharedRequest[] = [];
  readonly #serving = new Set<Promise<void>>();
  #closed: Error | undefined;

  /**
   * @param serve resolves when it has settled a request, or when nobody waits for it any more
   */
  constructor(serve: (request: ReadRequest) => Promise<void>) {
    this.#serve = serve;
  }

  /**
   * A batch with the messages after `after` in some rooms, of a log that has messages up to
   * `through` at least; undefined if the rooms have none up to there. Rejects with the signal's
   * reason, or with the error of the request.
   */
  async read(
    after: number,
    through: number,
    rooms: RoomSelection,
    signal?: AbortSignal,
  ): Promise<Batch | undefined> {
    for (;;) {
      if (this.#closed !== undefined) {
        throw this.#closed;
      }
      const cached = this.#cache.findLast(
        (cached) => cached.after <= after && cached.batch.last > after && cached.key === rooms.key,
      );
      if (cached !== undefined) {
        return cached.batch;
      }
      const request =
        this.#requests.get(keyOf(rooms, after)) ?? this.#request(after, through, rooms);
      request.waiting++;
      try {
        const batch = await orAborted(request.result, signal);
        // A request that was given up, or ended earlier, says nothing about the messages wanted.
        if (batch !== undefined || (request.isResolved && request.through >= through)) {
          return batch;
        }
      } finally {
        request.waiting--;
      }
    }
  }

  /** Keeps the batches that a request found for other readers. Returns the first of them. */
  keep({ after, rooms }: ReadRequest, batches: readonly Batch[]): Batch {
    let before = after;
    for (const batch of batches) {
      this.#cache.push({ key: rooms.key, after: before, batch });
      this.#cachedBytes += batch.bytes.length;
      before = batch.last;
    }
    while (this.#cachedBytes > maxCachedBytes) {
      this.#cachedBytes -= this.#cache.shift()!.batch.bytes.length;
    }
    return batches[0]!;
  }

  /**
   * All present and later readers get the error. Resolves when no request is being served any more.
   */
  async close(error: Error): Promise<void> {
    this.#closed = error;
    for (const request of this.#requests.values()) {
      request.reject(error);
    }
    await Promise.all(this.#serving);
    this.#cache = [];
  }

  #request(after: number, through: number, rooms: RoomSelection): SharedRequest {
    const { promise: result, resolve, reject } = createDeferred<Batch | undefined>();
    result.catch(() => {}); // All readers may have left.
    const request: SharedRequest = {
      ...{ after, through, rooms, waiting: 0, result, isResolved: false, reject },
      resolve: (batch) => {
        request.isResolved = true;
        resolve(batch);
      },
      giveUp: () => resolve(undefined),
    };
    this.#requests.set(keyOf(rooms, after), request);
    this.#queue.push(request);
    queueMicrotask(() => this.#serveNext());
    return request;
  }

  /** Serves requests from the queue, up to the limit. */
  #serveNext(): void {
    while (this.#serving.size < maxServed && this.#closed === undefined) {
      const request = this.#queue.shift();
      if (request === undefined) {
        return;
      }
      const serving = this.#serve(request).finally(() => {
        this.#serving.delete(serving);
        this.#requests.delete(keyOf(request.rooms, request.after));
        request.giveUp(); // It is already settled, unless all its readers have left.
        this.#serveNext();
      });
      this.#serving.add(serving);
    }
  }
}

function keyOf(rooms: RoomSelection, after: number): string {
  return `${after} ${rooms.key}`;
}
