import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { encodeBatches, type StreamMessage } from "../../../encoding/stream-payload.js";
import type { RoomSelection } from "../../../rooms/room-selection.js";
import type { Batch } from "../../message-log.js";
import { filtersOf } from "../room-subjects.js";
import type { NatsSession } from "../session.js";
import type { NatsStream, StreamPlace } from "../stream.js";
import type { NatsDirectGets } from "./direct-gets.js";
import type { MalformedMessages } from "./malformed.js";
import { type ReadRequest, SharedReads } from "./shared-reads.js";

/** Maximum size of one request, over all subjects. */
const maxMessages = 1024;
const maxBytes = 256 * 1024;
const pauseMs = 250;

/** Some of the messages that match some filters. */
interface Found {
  readonly messages: readonly StreamMessage[];
  /** The list is complete up to this sequence. */
  readonly through: number;
}

export interface RoomReadsOptions {
  readonly session: NatsSession;
  readonly stream: NatsStream;
  readonly gets: NatsDirectGets;
  readonly malformed: MalformedMessages;
  /**
   * Requests the stream's state. Rejects with a `ConnectError` if the messages after a sequence are
   * not kept, with any other error if that cannot be known now.
   */
  readonly check: (after: number) => Promise<StreamPlace>;
}

/**
 * Reads the messages of a few rooms that are no longer in memory, without those of other rooms: it
 * gets batches for each filter, and merges them.
 */
export class NatsRoomReads {
  readonly #options: RoomReadsOptions;
  readonly #closing = new AbortController();
  readonly #reads = new SharedReads((request) => this.#serve(request));

  constructor(options: RoomReadsOptions) {
    this.#options = options;
  }

  /**
   * A batch of the messages after `after` in some rooms; undefined if the rooms have none up to
   * `through`. The log has messages up to `through` at least. While JetStream is unavailable, it
   * waits. Rejects with the signal's reason, or with the error of `check`.
   */
  read(
    after: number,
    through: number,
    rooms: RoomSelection,
    signal?: AbortSignal,
  ): Promise<Batch | undefined> {
    return this.#reads.read(after, through, rooms, signal);
  }

  /** Waiting readers get the error. */
  async close(error: Error): Promise<void> {
    this.#closing.abort();
    await this.#reads.close(error);
  }

  /** Reads for a request until there are messages, or until no reader waits for it. */
  async #serve(request: ReadRequest): Promise<void> {
    const { session, stream, malformed, check } = this.#options;
    const { signal } = this.#closing;
    const filters = filtersOf(stream.subject, request.rooms);
    for (let at = request.after; request.waiting > 0 && !signal.aborted; ) {
      try {
        await session.connected;
        const found = await this.#next(filters, at, request.through);
        const { head } = await check(request.after);
        if (head < request.through) {
          throw new Error("a leader that is new does not know of it yet");
        }
        const ours = malformed.sift(found.messages, stream.subject);
        if (ours.length > 0) {
          request.resolve(this.#reads.keep(request, encodeBatches(stream.identity, ours)));
          return;
        }
        if (found.through >= request.through) {
          request.resolve(undefined);
          return;
        }
        if (found.through === at) {
          throw new Error("a node says that there is more, and gives nothing");
        }
        at = found.through;
      } catch (error) {
        if (error instanceof ConnectError) {
          request.reject(error);
          return;
        }
        // JetStream is unavailable.
        await sleep(pauseMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** Some of the messages after a sequence that match at least one filter, in order. */
  async #next(filters: readonly string[], after: number, through: number): Promise<Found> {
    const found = await Promise.all(
      filters.map((filter) => this.#nextOf(filter, after, through, filters.length)),
    );
    const end = Math.min(...found.map(({ through }) => through));
    const messages = found
      .flatMap(({ messages }) => messages.filter(({ sequence }) => sequence <= end))
      .sort((one, other) => one.sequence - other.sequence);
    return { messages, through: end };
  }

  /** The messages that match one filter; `share` filters share the limits of a request. */
  async #nextOf(filter: string, after: number, through: number, share: number): Promise<Found> {
    const { stream, gets } = this.#options;
    const { messages, pending } = await gets.get(
      {
        seq: after + 1,
        next_by_subj: filter,
        batch: Math.ceil(maxMessages / share),
        max_bytes: Math.ceil(maxBytes / share),
      },
      this.#closing.signal,
    );
    const last = messages.at(-1)?.sequence ?? after;
    if (pending > 0 || last >= through) {
      return { messages, through: last };
    }
    // The node that has answered may lag: the leader decides whether there are more.
    const next = await stream.next(last, filter);
    return next === undefined || next.sequence > through
      ? { messages, through }
      : { messages: [...messages, next], through: next.sequence };
  }
}
