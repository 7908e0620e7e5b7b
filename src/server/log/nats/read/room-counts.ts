import { orAborted } from "../../../../async/abort.js";
import { roomOf, roomTitle } from "../../../../protocol/rooms.js";
import { lowerBound } from "../../../util/lower-bound.js";
import type { RoomState, RoomsQuery } from "../../message-log.js";
import { filtersOf, roomOfSubject, subjectOf } from "../room-subjects.js";
import type { NatsStream } from "../stream.js";

/**
 * How long counts are kept after their last use, in milliseconds: a list is requested page by page,
 * and each page would count all rooms again.
 */
const keptMs = 5000;

/** Maximum number of filters whose counts are kept. */
const maxKept = 4;

/** A room and how many messages it has. */
export interface RoomCount {
  /** "main" for the room with the empty name. */
  readonly title: string;
  readonly count: number;
}

/** The last message of a room. */
export type LastMessage = Pick<RoomState, "last" | "lastAt">;

/** The rooms that match a subject, in the order of their titles. */
export class CountedRooms {
  readonly #rooms: readonly RoomCount[];
  /** The filter of the rooms. */
  readonly filter: string;
  // What else the next page of a list needs.
  /** Other counts, by the sequence after which they begin. */
  readonly since = new Map<number, ReadonlyMap<string, number>>();
  /** The last messages of all these rooms; undefined: they were not requested at once. */
  lasts: Promise<ReadonlyMap<string, LastMessage>> | undefined;

  /** @param rooms in the order of their titles */
  constructor(filter: string, rooms: readonly RoomCount[]) {
    this.filter = filter;
    this.#rooms = rooms;
  }

  /** How many there are. */
  get size(): number {
    return this.#rooms.length;
  }

  /** The next rooms of a query after a title. */
  after(after: string, { rooms, prefix, limit }: RoomsQuery): RoomCount[] {
    const found: RoomCount[] = [];
    for (let i = this.#indexAfter(after); i < this.#rooms.length && found.length < limit; i++) {
      const room = this.#rooms[i]!;
      if (room.title.startsWith(prefix) && rooms.has(roomOf(room.title))) {
        found.push(room);
      }
    }
    return found;
  }

  #indexAfter(title: string): number {
    return lowerBound(0, this.#rooms.length, (i) => this.#rooms[i]!.title > title);
  }
}

interface Kept {
  readonly counted: Promise<CountedRooms>;
  /** Queries that are using them. */
  users: number;
  /** Runs while no query does. */
  timer: NodeJS.Timeout | undefined;
}

/** Requests the message counts of rooms: JetStream counts 100,000 subjects in one request. */
export class RoomCounts {
  readonly #stream: NatsStream;
  /** By the subject that matches the rooms, the most recently requested one at the end. */
  readonly #kept = new Map<string, Kept>();
  /** Counts that have not begun. */
  readonly #waiting = new Map<string, Promise<CountedRooms>>();
  /** Ends when the next count may begin. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(stream: NatsStream) {
    this.#stream = stream;
  }

  /**
   * Runs a query with the counts of its rooms, and possibly of others. The next page of a list gets
   * the counts of the page before it. Rejects with the signal's reason, or if JetStream does not
   * answer, and as `run` does.
   */
  async use<T>(query: RoomsQuery, run: (counted: CountedRooms) => Promise<T>): Promise<T> {
    const filter = filterOf(this.#stream.subject, query);
    const kept = (query.after !== "" && this.#kept.get(filter)) || this.#keep(filter);
    kept.users++;
    clearTimeout(kept.timer);
    try {
      return await run(await orAborted(kept.counted, query.signal));
    } finally {
      kept.users--;
      if (kept.users === 0 && this.#kept.get(filter) === kept) {
        kept.timer = setTimeout(() => this.#drop(filter), keptMs).unref();
      }
    }
  }

  #keep(filter: string): Kept {
    this.#drop(filter);
    const kept: Kept = { counted: this.#countInTurn(filter), users: 0, timer: undefined };
    kept.counted.catch(() => {
      if (this.#kept.get(filter) === kept) {
        this.#drop(filter);
      }
    });
    this.#kept.set(filter, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size > maxKept) {
        this.#drop(oldest);
      }
    }
    return kept;
  }

  close(): void {
    for (const filter of this.#kept.keys()) {
      this.#drop(filter);
    }
  }

  #drop(filter: string): void {
    clearTimeout(this.#kept.get(filter)?.timer);
    this.#kept.delete(filter);
  }

  /** Makes one count at a time. Calls share a count that has not begun. */
  #countInTurn(filter: string): Promise<CountedRooms> {
    let counted = this.#waiting.get(filter);
    if (counted === undefined) {
      counted = this.#turn.then(() => {
        this.#waiting.delete(filter);
        return this.#count(filter);
      });
      this.#turn = counted.catch(() => {});
      this.#waiting.set(filter, counted);
    }
    return counted;
  }

  async #count(filter: string): Promise<CountedRooms> {
    const { subject } = this.#stream;
    const rooms: RoomCount[] = [];
    for await (const counts of this.#stream.countSubjects(filter)) {
      for (const [name, count] of counts) {
        const room = roomOfSubject(subject, name);
        if (room !== undefined) {
          rooms.push({ title: roomTitle(room), count });
        }
      }
    }
    // By UTF-16 code units; in ASCII, these are the bytes.
    rooms.sort((one, other) => (one.title < other.title ? -1 : 1));
    return new CountedRooms(filter, rooms);
  }
}

/** The narrowest subject that matches all rooms of a query. */
function filterOf(base: string, { rooms, prefix }: RoomsQuery): string {
  const below = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  if (below !== "") {
    return `${subjectOf(base, below)}>`;
  }
  const filters = filtersOf(base, rooms);
  return filters.length === 1 ? filters[0]! : ">";
}
