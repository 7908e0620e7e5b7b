import { roomTitle } from "../../../../../protocol/rooms.js";
import type { RoomSelection } from "../../../../rooms/room-selection.js";
import { lowerBound } from "../../../../util/lower-bound.js";
import type { Back } from "../../../core/tail-cache.js";
import { type ItemHeader, itemKind } from "../item.js";
import { Pace } from "./pace.js";
import { overRecord, PostingList } from "./posting-list.js";

/**
 * The name that stands for messages whose room is unknown. It is not a valid name of a room, and
 * comes before all those that are.
 */
export const lostRoom = "!";

/** A room of a segment. */
export interface TableRoom {
  readonly room: string;
  /** How many messages. */
  count: number;
  /** Sequence of the first one. */
  readonly first: number;
  last: number;
  /** When the log stored the last one, in milliseconds since 1970. */
  lastAt: number;
  /** The number of their records, and the index of the last one. */
  records: number;
  lastRecord: number;
}

/** The rooms that are selected, as far as they have been looked up. */
interface Selected {
  /** 1 for each selected room, by its index in `rooms`. */
  readonly flags: Uint8Array;
  known: number;
  /** The number of selected rooms among those that have been looked up. */
  count: number;
}

/** Records of some rooms. */
interface RoomRecords {
  readonly list: PostingList;
  /** The list is complete up to this sequence; infinity: up to the end of the segment. */
  readonly through: number;
}

interface Listed extends RoomRecords {
  /** They come after this sequence. */
  readonly after: number;
  /** How many records the table had. */
  readonly length: number;
}

/**
 * Rooms that have fewer than one in this many records are found without scanning all of them.
 */
const rareShare = 32;

/** Maximum number of records in a list. */
const maxListed = 4096;

/** Maximum number of selections that are cached, and maximum number of cached lists. */
const maxSelections = 16;

/** Maximum number of names that are sorted without a pause. */
const sortedAtOnce = 2048;

/**
 * The rooms of a segment and the positions of their records, in memory. The table of the segment
 * that is being written grows with each item.
 */
export class RoomTable {
  readonly #ids = new Map<string, number>();
  readonly #rooms: TableRoom[] = [];
  // For each record, in the order of the log: its position, its last sequence, its number of
  // messages, and its room.
  #positions = new Uint32Array(64);
  #lasts = new Float64Array(64);
  #counts = new Float64Array(64);
  #roomIds = new Uint32Array(64);
  /** One more than the index of the previous record of the same room; 0: there is none. */
  #previous = new Uint32Array(64);
  #length = 0;
  /** The next expected sequence. */
  #next: number;
  /** By the keys of the selections. */
  readonly #selected = new Map<string, Selected>();
  /** The latest list of each selection: most readers continue behind what they have read. */
  readonly #listed = new Map<string, Listed>();
  /** The latest counts: the sequence that they begin after, and how many records were counted. */
  #counted: { sequence: number; counts: Float64Array; known: number }[] = [];
  /** The ids of rooms in the order of their titles, as far as they are sorted. */
  #order: readonly number[] = [];

  /** @param first sequence of the first message that the segment may have */
  constructor(first: number) {
    this.#next = first;
  }

  /** Sequence of the last message in the table. */
  get last(): number {
    return this.#next - 1;
  }

  /** How many records there are. */
  get length(): number {
    return this.#length;
  }

  /** The rooms, in the order of their first messages. */
  get rooms(): readonly TableRoom[] {
    return this.#rooms;
  }

  /** Adds the next item of the segment, which begins at `at`. */
  add(
    item: Pick<ItemHeader, "kind" | "room" | "first" | "last" | "count" | "sentAt">,
    at: number,
  ): void {
    const { kind, room, first, last, count, sentAt } = item;
    if (kind === itemKind.gap) {
      this.settle(last, at);
    } else if (kind === itemKind.messages && last >= this.#next) {
      this.settle(first - 1, at);
      this.#push(room, at, last, count, sentAt);
    }
  }

  /** Records that messages up to `last` were stored: those missing from the table are lost. */
  settle(last: number, at: number): void {
    if (last >= this.#next) {
      this.#push(lostRoom, at, last, last - this.#next + 1, 0);
    }
  }

  /** The entry of a room. */
  get(room: string): TableRoom | undefined {
    const id = this.#ids.get(room);
    return id === undefined ? undefined : this.#rooms[id];
  }

  /** Whether every room is selected. */
  isCovered(selection: RoomSelection): boolean {
    const { names, prefixes } = selection;
    // A lost message counts as one of a room that has no name.
    const hasFew = prefixes.size === 0 && names.size + 1 < this.#rooms.length;
    return !hasFew && this.#select(selection).count === this.#rooms.length;
  }

  /** The next records of some rooms that have messages after a sequence. */
  list(selection: RoomSelection, after: number): RoomRecords {
    const { key } = selection;
    const before = this.#listed.get(key);
    if (before !== undefined && after >= before.after && after < before.through) {
      if (Number.isFinite(before.through) || before.length === this.#length) {
        return before;
      }
    }
    const list = new PostingList();
    const rare = this.#rareRecords(selection, after);
    if (rare !== undefined) {
      for (let k = 0; k < rare.length && list.length < maxListed; k++) {
        this.#addTo(list, rare[k]!);
      }
    } else {
      const { flags } = this.#select(selection);
      for (let i = this.#indexAfter(after); i < this.#length && list.length < maxListed; i++) {
        if (flags[this.#roomIds[i]!] === 1) {
          this.#addTo(list, i);
        }
      }
    }
    const isWhole = list.length < maxListed;
    const through = isWhole ? Number.POSITIVE_INFINITY : list.last(maxListed - 1);
    const found = { list, through, after, length: this.#length };
    setBounded(this.#listed, key, found);
    return found;
  }

  /**
   * Counts back from `through` over `count` messages of some rooms, no further than `after`.
   * Returns the sequence before them, or how many are still to be found.
   */
  back(selection: RoomSelection, count: number, after: number, through: number): Back {
    const rare = this.#rareRecords(selection, after);
    const flags = rare === undefined ? this.#select(selection).flags : undefined;
    let back: Back = { left: count };
    let k = rare?.length ?? Math.min(this.#indexAfter(through - 1), this.#length - 1) + 1;
    while (--k >= 0) {
      const i = rare?.[k] ?? k;
      const last = this.#lasts[i]!;
      if (last <= after) {
        break;
      }
      if ((flags === undefined || flags[this.#roomIds[i]!] === 1) && !this.#isLost(i)) {
        back = overRecord(back.left, last - this.#counts[i]! + 1, last, after, through);
        if ("before" in back) {
          return back;
        }
      }
    }
    return back;
  }

  /**
   * How many messages each room has after a sequence, by the room's index in `rooms`. The latest
   * counts are cached, because the next page of a list needs the same ones.
   */
  countsAfter(sequence: number): Float64Array {
    const before = this.#counted.find((one) => one.sequence === sequence);
    let counts = before?.counts ?? new Float64Array(this.#rooms.length);
    if (counts.length < this.#rooms.length) {
      counts = new Float64Array(2 * this.#rooms.length);
      counts.set(before?.counts ?? []);
    }
    let i = before?.known ?? this.#indexAfter(sequence);
    for (; i < this.#length; i++) {
      counts[this.#roomIds[i]!]! += Math.min(this.#counts[i]!, this.#lasts[i]! - sequence);
    }
    const others = this.#counted.filter((one) => one !== before);
    this.#counted = [{ sequence, counts, known: i }, ...others.slice(0, 1)];
    return counts;
  }

  /** The indexes of `rooms`, in the order of the titles. */
  async order(): Promise<readonly number[]> {
    const pace = new Pace();
    const runs: number[][] = [];
    const order = this.#order;
    const known = order.length;
    for (let from = known; from < this.#rooms.length; from += sortedAtOnce) {
      const length = Math.min(sortedAtOnce, this.#rooms.length - from);
      const run = Array.from({ length }, (_, i) => from + i);
      runs.push(run.sort((a, b) => (this.#isBefore(a, b) ? -1 : 1)));
      await pace.rest();
    }
    while (runs.length > 1) {
      runs.push(await this.#merge(runs.shift()!, runs.shift()!, pace));
    }
    const [run] = runs;
    if (run === undefined) {
      return order;
    }
    const merged = known === 0 ? run : await this.#merge(order, run, pace);
    if (merged.length > this.#order.length) {
      this.#order = merged; // Otherwise, a concurrent call has sorted more.
    }
    return merged;
  }

  /** The records of each room, by its index in `rooms`: their indexes, in order. */
  recordsByRoom(): { readonly starts: Uint32Array; readonly records: Uint32Array } {
    const starts = new Uint32Array(this.#rooms.length + 1);
    for (let i = 0; i < this.#length; i++) {
      starts[this.#roomIds[i]! + 1]!++;
    }
    for (let id = 0; id < this.#rooms.length; id++) {
      starts[id + 1]! += starts[id]!;
    }
    const ends = starts.slice();
    const records = new Uint32Array(this.#length);
    for (let i = 0; i < this.#length; i++) {
      records[ends[this.#roomIds[i]!]!++] = i;
    }
    return { starts, records };
  }

  /** One record, by its index. */
  record(index: number): { position: number; last: number; count: number } {
    return {
      position: this.#positions[index]!,
      last: this.#lasts[index]!,
      count: this.#counts[index]!,
    };
  }

  /**
   * The indexes of the selected records that have messages after a sequence, in order, if they are
   * few; undefined: scan all records.
   */
  #rareRecords({ names, prefixes }: RoomSelection, after: number): number[] | undefined {
    if (prefixes.size > 0 || this.#ids.has(lostRoom)) {
      return undefined;
    }
    const rooms: TableRoom[] = [];
    let records = 0;
    for (const name of names) {
      const room = this.get(name);
      if (room !== undefined) {
        rooms.push(room);
        records += room.records;
      }
    }
    if (records * rareShare > this.#length) {
      return undefined;
    }
    const indexes: number[] = [];
    for (const { lastRecord } of rooms) {
      for (let i = lastRecord; i >= 0 && this.#lasts[i]! > after; i = this.#previous[i]! - 1) {
        indexes.push(i);
      }
    }
    return rooms.length > 1 ? indexes.sort((a, b) => a - b) : indexes.reverse();
  }

  #addTo(list: PostingList, index: number): void {
    const [position, last] = [this.#positions[index]!, this.#lasts[index]!];
    list.add(position, last, this.#counts[index]!, this.#isLost(index));
  }

  #isLost(index: number): boolean {
    return this.#rooms[this.#roomIds[index]!]!.room === lostRoom;
  }

  #push(room: string, position: number, last: number, count: number, sentAt: number): void {
    let id = this.#ids.get(room);
    let before = 0;
    if (id === undefined) {
      id = this.#rooms.length;
      this.#ids.set(room, id);
      const first = last - count + 1;
      const lastRecord = this.#length;
      this.#rooms.push({ room, count, first, last, lastAt: sentAt, records: 1, lastRecord });
    } else {
      const known = this.#rooms[id]!;
      before = known.lastRecord + 1;
      known.records++;
      known.lastRecord = this.#length;
      known.count += count;
      known.last = last;
      known.lastAt = sentAt;
    }
    if (this.#length === this.#positions.length) {
      this.#grow();
    }
    this.#positions[this.#length] = position;
    this.#lasts[this.#length] = last;
    this.#counts[this.#length] = count;
    this.#roomIds[this.#length] = id;
    this.#previous[this.#length] = before;
    this.#length++;
    this.#next = last + 1;
  }

  #grow(): void {
    const size = 2 * this.#length;
    const grown = <T extends Uint32Array | Float64Array>(to: T, from: T) => {
      to.set(from);
      return to;
    };
    this.#positions = grown(new Uint32Array(size), this.#positions);
    this.#lasts = grown(new Float64Array(size), this.#lasts);
    this.#counts = grown(new Float64Array(size), this.#counts);
    this.#roomIds = grown(new Uint32Array(size), this.#roomIds);
    this.#previous = grown(new Uint32Array(size), this.#previous);
  }

  /** The index of the first record that has messages after a sequence. */
  #indexAfter(sequence: number): number {
    return lowerBound(0, this.#length, (i) => this.#lasts[i]! > sequence);
  }

  /** The selected rooms; lost messages are always selected. */
  #select(selection: RoomSelection): Selected {
    const { key } = selection;
    const before = this.#selected.get(key);
    let found = before;
    if (found === undefined || found.flags.length < this.#rooms.length) {
      const flags = new Uint8Array(Math.max(64, 2 * this.#rooms.length));
      flags.set(before?.flags ?? []);
      found = { flags, known: before?.known ?? 0, count: before?.count ?? 0 };
      if (before === undefined && selection.prefixes.size === 0) {
        this.#selectNames(found, selection);
      }
      setBounded(this.#selected, key, found);
    }
    for (; found.known < this.#rooms.length; found.known++) {
      const { room } = this.#rooms[found.known]!;
      if (room === lostRoom || selection.has(room)) {
        found.flags[found.known] = 1;
        found.count++;
      }
    }
    return found;
  }

  /**
   * Looks up the names of a selection without patterns, which is faster than checking every room.
   */
  #selectNames(found: Selected, { names }: RoomSelection): void {
    for (const room of [lostRoom, ...names]) {
      const id = this.#ids.get(room);
      if (id !== undefined) {
        found.flags[id] = 1;
        found.count++;
      }
    }
    found.known = this.#rooms.length;
  }

  #isBefore(a: number, b: number): boolean {
    return roomTitle(this.#rooms[a]!.room) < roomTitle(this.#rooms[b]!.room);
  }

  async #merge(a: readonly number[], b: readonly number[], pace: Pace): Promise<number[]> {
    const merged: number[] = [];
    for (let i = 0, k = 0; i < a.length || k < b.length; ) {
      if (merged.length % sortedAtOnce === 0) {
        await pace.rest();
      }
      const isFirst = k === b.length || (i < a.length && this.#isBefore(a[i]!, b[k]!));
      merged.push(isFirst ? a[i++]! : b[k++]!);
    }
    return merged;
  }
}

/** Sets the latest entry of a small cache, and drops the oldest one. */
function setBounded<T>(cache: Map<string, T>, key: string, value: T): void {
  cache.delete(key);
  cache.set(key, value);
  if (cache.size > maxSelections) {
    cache.delete(cache.keys().next().value!);
  }
}
