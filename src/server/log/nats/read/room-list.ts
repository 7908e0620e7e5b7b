import { orAborted } from "../../../../async/abort.js";
import { roomOf } from "../../../../protocol/rooms.js";
import { selectRooms } from "../../../encoding/batch.js";
import { messageTime, type StreamMessage } from "../../../encoding/stream-payload.js";
import { RoomSelection } from "../../../rooms/room-selection.js";
import { selectTitles } from "../../core/room-titles.js";
import type { TailCache } from "../../core/tail-cache.js";
import type { MessageLog, RoomState, RoomsQuery } from "../../message-log.js";
import { decodeStored } from "../../transfer/copied-message.js";
import { filtersOf, roomOfSubject } from "../room-subjects.js";
import type { NatsSession } from "../session.js";
import type { NatsStream } from "../stream.js";
import type { NatsDirectGets } from "./direct-gets.js";
import { NatsReader } from "./reader.js";
import { type CountedRooms, type LastMessage, RoomCounts } from "./room-counts.js";
import { countAfter } from "./room-search.js";

/** Up to this many rooms are requested one by one, from the leader; more at once, from any node. */
const maxSingle = 8;

/**
 * Maximum number of subjects in one request (JetStream accepts 1,024), and maximum size of them.
 */
const maxSubjects = 1000;
const maxSubjectBytes = 48 * 1024;

/**
 * If a page of a list after the first one has more rooms than this, the last messages of all rooms
 * of the list are requested at once: a list of all rooms has a hundred pages.
 */
const maxPaged = 256;

/** Maximum size of the messages of one request. */
const maxBytes = 1024 * 1024;

/**
 * Up to this many rooms, new messages are counted room by room; for more, all new ones are read.
 */
const maxCounted = 1000;

export interface RoomListOptions {
  readonly session: NatsSession;
  readonly stream: NatsStream;
  readonly gets: NatsDirectGets;
  /** The messages that this server has in memory. */
  readonly cache: TailCache;
  readonly log: Pick<MessageLog, "read" | "head" | "first">;
}

/** Lists the rooms of a stream: JetStream counts its messages by subject. */
export class NatsRoomList {
  readonly #options: RoomListOptions;
  readonly #counts: RoomCounts;

  constructor(options: RoomListOptions) {
    this.#options = options;
    this.#counts = new RoomCounts(options.stream);
  }

  /** See `MessageLog.rooms`. Rejects if JetStream does not answer, too. */
  async list(query: RoomsQuery): Promise<RoomState[]> {
    if (!this.#options.stream.hasRooms) {
      return this.#listMain(query);
    }
    return this.#counts.use(query, (counted) => this.#listCounted(query, counted));
  }

  async #listCounted(query: RoomsQuery, counted: CountedRooms): Promise<RoomState[]> {
    const states: RoomState[] = [];
    for (let after = query.after; states.length < query.limit; ) {
      const limit = query.limit - states.length;
      const found = counted.after(after, { ...query, limit });
      const rooms = found.map(({ title }) => roomOf(title));
      const lasts = await this.#lastOf(rooms, counted, query);
      for (const { title, count } of found) {
        const room = roomOf(title);
        const last = lasts.get(room);
        if (last !== undefined) {
          states.push({ room, count, ...last, countSince: 0 });
        } // Else retention has removed the room since the messages were counted.
      }
      if (found.length < limit) {
        break;
      }
      after = found.at(-1)!.title;
    }
    return query.since === undefined
      ? states
      : this.#addCounts(states, query.since, counted, query.signal);
  }

  close(): void {
    this.#counts.close();
  }

  /** The list of a stream that has no room but `main`. */
  async #listMain(query: RoomsQuery): Promise<RoomState[]> {
    const { stream } = this.#options;
    const { first, head } = await stream.look();
    const newest = first <= head ? await stream.message(head) : undefined;
    if (newest === undefined || selectTitles([""], query).length === 0) {
      return [];
    }
    const { since = head } = query;
    const countSince = Math.max(0, head - Math.max(since, first - 1));
    return [{ room: "", count: head - first + 1, ...lastIn(newest), countSince }];
  }

  /** The last messages of rooms of a list; rooms without messages are left out. */
  async #lastOf(
    rooms: readonly string[],
    counted: CountedRooms,
    { after, signal }: RoomsQuery,
  ): Promise<Map<string, LastMessage>> {
    const { stream, cache } = this.#options;
    const lasts = new Map<string, LastMessage>();
    const add = (messages: readonly (StreamMessage | undefined)[]) => {
      for (const message of messages) {
        const room = message && roomOfSubject(stream.subject, message.subject);
        if (message !== undefined && room !== undefined) {
          lasts.set(room, lastIn(message));
        }
      }
    };
    const rest: string[] = [];
    for (const room of rooms) {
      const newest = cache.newestOf(room);
      if (newest === undefined) {
        rest.push(stream.subjectOf(room));
      } else {
        const [message] = decodeStored(cache.find(newest.last)!.bytes, []);
        lasts.set(room, { last: newest.last, lastAt: message!.sentAt });
      }
    }
    if (rest.length > maxPaged && after !== "") {
      const all = await orAborted(this.#lastOfAll(counted), signal);
      for (const room of rooms) {
        const last = lasts.get(room) ?? all.get(room);
        if (last !== undefined) {
          lasts.set(room, last);
        }
      }
    } else if (rest.length > maxSingle) {
      await Promise.all(chunksOf(rest).map(async (some) => add(await this.#getLast(some, signal))));
    }
    // A node that lags may lack a room: the leader decides whether it exists.
    const missing = rest.filter(
      (subject) => !lasts.has(roomOfSubject(stream.subject, subject) ?? ""),
    );
    for (let i = 0; i < missing.length; i += maxSingle) {
      signal?.throwIfAborted();
      const some = missing.slice(i, i + maxSingle);
      add(await Promise.all(some.map((subject) => stream.last(subject))));
    }
    return lasts;
  }

  /** The last messages of all rooms of a list. The pages of a list share them. */
  #lastOfAll(counted: CountedRooms): Promise<ReadonlyMap<string, LastMessage>> {
    if (counted.lasts === undefined) {
      const lasts = this.#readLasts(counted);
      counted.lasts = lasts;
      lasts.catch(() => {
        counted.lasts = undefined;
      });
    }
    return counted.lasts;
  }

  async #readLasts({ filter, size }: CountedRooms): Promise<Map<string, LastMessage>> {
    const { session, stream } = this.#options;
    const filters = filter === ">" ? filtersOf(stream.subject, RoomSelection.all) : [filter];
    const lasts = new Map<string, LastMessage>();
    const reader = await NatsReader.openLast(session, stream, filters);
    try {
      while (lasts.size < size) {
        const messages = await reader.read(size - lasts.size);
        if (messages.length === 0) {
          break; // Retention has removed rooms since they were counted.
        }
        for (const message of messages) {
          const room = roomOfSubject(stream.subject, message.subject);
          if (room !== undefined) {
            lasts.set(room, lastIn(message));
          }
        }
      }
      return lasts;
    } finally {
      await reader.close();
    }
  }

  async #getLast(
    subjects: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<StreamMessage[]> {
    const found: StreamMessage[] = [];
    for (let next = 1; ; next = found.at(-1)!.sequence + 1) {
      const query = { seq: next, multi_last: subjects, max_bytes: maxBytes };
      const { messages, pending } = await this.#options.gets.get(query, signal);
      found.push(...messages);
      if (pending === 0 || messages.length === 0) {
        return found;
      }
    }
  }

  /** Adds how many messages the rooms have after a sequence. */
  async #addCounts(
    states: readonly RoomState[],
    since: number,
    counted: CountedRooms,
    signal: AbortSignal | undefined,
  ): Promise<RoomState[]> {
    const { cache, log, stream, gets } = this.#options;
    let countOf: (room: string) => number | Promise<number>;
    if (since + 1 >= cache.first) {
      countOf = (room) => cache.byRoom.get(room)?.countAfter(since) ?? 0;
    } else if (counted.size <= maxCounted) {
      countOf = (room) => countAfter(gets, stream.subjectOf(room), since + 1, signal);
    } else {
      const counts = counted.since.get(since) ?? (await this.#readCounts(since, signal));
      counted.since.set(since, counts);
      countOf = (room) => counts.get(room) ?? 0;
    }
    return Promise.all(
      states.map(async (state) => {
        if (state.last <= since) {
          return state;
        }
        const isAll = since + 1 <= log.first;
        return { ...state, countSince: isAll ? state.count : await countOf(state.room) };
      }),
    );
  }

  /** How many messages each room has after a sequence, by reading them all. */
  async #readCounts(since: number, signal: AbortSignal | undefined): Promise<Map<string, number>> {
    const { log } = this.#options;
    const counts = new Map<string, number>();
    const through = log.head;
    for (let at = Math.max(since, log.first - 1); at < through; ) {
      const batch = await log.read(at, { through, ...(signal && { signal }) });
      if (batch === undefined) {
        break;
      }
      selectRooms(batch, (room) => {
        counts.set(room, (counts.get(room) ?? 0) + 1);
        return false;
      });
      at = batch.last;
    }
    return counts;
  }
}

function lastIn(message: StreamMessage): LastMessage {
  return { last: message.sequence, lastAt: messageTime(message) };
}

/** Splits subjects into lists that each fit into a request. */
function chunksOf(subjects: readonly string[]): string[][] {
  const chunks: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const subject of subjects) {
    bytes += subject.length + 3;
    if (bytes > maxSubjectBytes || chunks.at(-1)!.length === maxSubjects) {
      chunks.push([]);
      bytes = subject.length + 3;
    }
    chunks.at(-1)!.push(subject);
  }
  return chunks;
}
