import { roomOf, roomTitle } from "../../../../../protocol/rooms.js";
import { lowerBound } from "../../../../util/lower-bound.js";
import type { RoomState, RoomsQuery } from "../../../message-log.js";
import type { Segment } from "../segment.js";
import type { SegmentSet } from "../segment-set.js";
import { noRooms, type RoomDirectory } from "./directory.js";
import { Pace } from "./pace.js";
import type { RoomEntry } from "./page.js";
import { RoomFile } from "./room-file.js";
import type { RoomIndex } from "./room-index.js";
import { placeOf } from "./room-reader.js";
import { lostRoom, RoomTable } from "./room-table.js";

/** Maximum number of rooms that are listed before other work may run. */
const statesAtOnce = 64;

/** Follows every title with the same prefix. */
const afterAll = "\u{7f}";

/** Where a log ends. */
interface LogEnd {
  readonly last: number;
  readonly sentAt: number;
}

/** Titles from one to another. */
interface TitleRange {
  readonly from: string;
  readonly to: string;
}

/** The state of a room according to one source. */
interface Found {
  readonly title: string;
  readonly entry?: RoomEntry;
  /** The table that has the room, and the room's index there. */
  readonly table?: CountedTable;
  readonly id?: number;
}

/** A table, with the counts that a query needs. */
interface CountedTable {
  readonly table: RoomTable;
  readonly order: readonly number[];
  /** By the indexes of the rooms; undefined: all of their messages. */
  readonly kept: Float64Array | undefined;
  /** By the indexes of the rooms; undefined: the query does not ask for them. */
  readonly since: Float64Array | undefined;
}

/** Lists rooms with how many messages are kept of each. */
export class RoomList {
  readonly #segments: SegmentSet;
  readonly #index: RoomIndex;

  constructor(segments: SegmentSet, index: RoomIndex) {
    this.#segments = segments;
    this.#index = index;
  }

  /**
   * See `MessageLog.rooms`.
   *
   * @param first messages from this sequence on are counted; asked again if retention has removed
   *   a segment meanwhile
   */
  list(query: RoomsQuery, first: () => number, end: () => LogEnd): Promise<RoomState[]> {
    return this.#index.query(() => this.#list(query, first(), end()));
  }

  async #list(query: RoomsQuery, first: number, end: LogEnd): Promise<RoomState[]> {
    const { limit, signal } = query;
    const since = query.since === undefined ? undefined : Math.max(query.since, first - 1);
    const { tables, directory, segments } = await this.#sources(first, since, end);
    const states: RoomState[] = [];
    const pace = new Pace();
    for (const range of rangesOf(query)) {
      for await (const { title, found } of merged(directory, tables, range)) {
        if (title === lostRoom) {
          continue;
        }
        const state = await this.#stateOf(title, found, first, since, segments);
        if (state.count > 0) {
          states.push(state);
        }
        if (states.length === limit) {
          return states;
        }
        if (states.length % statesAtOnce === 0) {
          signal?.throwIfAborted();
          await pace.rest();
        }
      }
    }
    return states;
  }

  /**
   * The tables of the newest segments, and the directory at the end of the segments before those.
   */
  async #sources(first: number, since: number | undefined, end: LogEnd) {
    const segments = this.#segments.all.slice();
    const tables: CountedTable[] = [];
    let place = segments.length - 1;
    for (; place >= 0; place--) {
      const segment = segments[place]!;
      const found = segment.hasRooms ? await this.#index.of(segment) : undefined;
      if (!(found instanceof RoomTable)) {
        break;
      }
      const kept = segment.first < first ? found.countsAfter(first - 1) : undefined;
      tables.push({
        ...{ table: found, order: await found.order(), kept },
        since: since === undefined ? undefined : found.countsAfter(since),
      });
    }
    const segment = segments[place];
    const directory = segment === undefined ? noRooms : await this.#index.endOf(segment, end);
    return { tables, directory, segments };
  }

  async #stateOf(
    title: string,
    found: readonly Found[],
    first: number,
    since: number | undefined,
    segments: readonly Segment[],
  ): Promise<RoomState> {
    let [count, countSince, last, lastAt] = [0, 0, 0, 0];
    for (const { entry, table, id } of found) {
      if (entry !== undefined && entry.last >= first) {
        count += await this.#countAfter(entry, first - 1, segments);
        countSince += since === undefined ? 0 : await this.#countAfter(entry, since, segments);
        if (entry.last > last) {
          ({ last, lastAt } = entry);
        }
      } else if (table !== undefined) {
        const room = table.table.rooms[id!]!;
        count += table.kept === undefined ? room.count : table.kept[id!]!;
        countSince += table.since?.[id!] ?? 0;
        if (room.last > last) {
          ({ last, lastAt } = room);
        }
      }
    }
    return { room: roomOf(title), count, last, lastAt, countSince };
  }

  /** How many of the messages counted by an entry come after a sequence. */
  async #countAfter(
    entry: RoomEntry,
    sequence: number,
    segments: readonly Segment[],
  ): Promise<number> {
    if (sequence < entry.born) {
      return entry.total;
    }
    return sequence >= entry.last
      ? 0
      : entry.total - (await this.#countThrough(entry.title, sequence, segments));
  }

  /** How many of the messages counted by a room's entry come before or at a sequence. */
  async #countThrough(
    title: string,
    sequence: number,
    segments: readonly Segment[],
  ): Promise<number> {
    const segment = segments[Math.max(0, placeOf(segments, sequence))]!;
    if (!segment.hasRooms) {
      return sequence;
    }
    const file = await this.#index.of(segment);
    const entry = file instanceof RoomFile ? await file.find(title) : undefined;
    if (!(file instanceof RoomFile) || entry === undefined) {
      return 0;
    }
    if (entry.postings === 0) {
      return entry.total;
    }
    const own = await file.countThrough(entry, Number.POSITIVE_INFINITY);
    return entry.total - own + (await file.countThrough(entry, sequence));
  }
}

/** The titles that a query selects, in order. */
function rangesOf({ rooms, prefix, after }: RoomsQuery): TitleRange[] {
  const ranges = [
    ...[...rooms.names].map(roomTitle).map((title) => ({ from: title, to: title })),
    ...[...rooms.prefixes].map((start) => ({ from: start, to: `${start}${afterAll}` })),
  ].sort((a, b) => (a.from < b.from ? -1 : 1));
  return ranges.flatMap(({ from, to }) => {
    const begin = [from, prefix, after === "" ? "" : `${after}\0`].sort().at(-1)!;
    const end = to < `${prefix}${afterAll}` ? to : `${prefix}${afterAll}`;
    return begin <= end ? [{ from: begin, to: end }] : [];
  });
}

/** Merges the sources: each room of a range with what they have, in the order of the titles. */
async function* merged(
  directory: RoomDirectory,
  tables: readonly CountedTable[],
  range: TitleRange,
): AsyncGenerator<{ readonly title: string; readonly found: Found[] }, void> {
  const sources = tables.map((table) => inTable(table, range));
  const heads = sources.map((source) => source.next().value);
  /** Yields the rooms of the tables up to a title. */
  function* until(title: string): Generator<{ title: string; found: Found[] }, void> {
    for (;;) {
      let next: string | undefined;
      for (const head of heads) {
        next = head && (next === undefined || head.title < next) ? head.title : next;
      }
      if (next === undefined || next > title) {
        return;
      }
      const found: Found[] = [];
      for (const [i, head] of heads.entries()) {
        if (head?.title === next) {
          found.push(head);
          heads[i] = sources[i]!.next().value;
        }
      }
      yield { title: next, found };
    }
  }
  for await (const entries of directory.entriesFrom(range.from)) {
    for (const entry of entries) {
      if (entry.title > range.to) {
        break;
      }
      const found: Found[] = [{ title: entry.title, entry }];
      for (const room of until(entry.title)) {
        if (room.title === entry.title) {
          found.push(...room.found);
        } else {
          yield room;
        }
      }
      yield { title: entry.title, found };
    }
    if (entries.length > 0 && entries.at(-1)!.title > range.to) {
      break;
    }
  }
  yield* until(range.to);
}

/** Yields the rooms of a range that a table has, in the order of the titles. */
function* inTable(table: CountedTable, { from, to }: TitleRange): Generator<Found, undefined> {
  const { order } = table;
  const titleAt = (place: number) => roomTitle(table.table.rooms[order[place]!]!.room);
  const low = lowerBound(0, order.length, (i) => titleAt(i) >= from);
  for (let place = low; place < order.length; place++) {
    const title = titleAt(place);
    if (title > to) {
      return undefined;
    }
    yield { title, table, id: order[place]! };
  }
  return undefined;
}
