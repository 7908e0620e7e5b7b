import { roomTitle } from "../../../../../protocol/rooms.js";
import type { RoomSelection } from "../../../../rooms/room-selection.js";
import { lowerBoundAsync } from "../../../../util/lower-bound.js";
import type { Segment } from "../segment.js";
import type { SegmentSet } from "../segment-set.js";
import { Pace } from "./pace.js";
import type { RoomEntry } from "./page.js";
import { PostingList } from "./posting-list.js";
import { DamagedRoomFile, RoomFile } from "./room-file.js";
import type { RoomIndex } from "./room-index.js";
import { lostRoom } from "./room-table.js";

/** Maximum number of records in a list. To read more, the segment is scanned. */
const maxListed = 65_536;

/** Maximum number of rooms that are looked up to skip segments that have none of them. */
const maxLookedUp = 16;

/** How the messages of some rooms are found in a segment. */
export type Plan = ListPlan | OtherPlan;

interface ListPlan {
  readonly kind: "list";
  readonly list: PostingList;
  /** The list is complete up to this sequence. */
  readonly through: number;
}

interface OtherPlan {
  /**
   * `none`: it has no messages of the rooms. `all`: it has no other messages. `scan`: they are
   * found by the headers of all records, because they are too many to be listed, or there is no
   * index.
   */
  readonly kind: "none" | "all" | "scan";
}

const none: Plan = { kind: "none" };
const all: Plan = { kind: "all" };
const scan: Plan = { kind: "scan" };

/** Decides how the messages of some rooms are found. */
export class Plans {
  readonly #segments: SegmentSet;
  readonly #index: RoomIndex;

  constructor(segments: SegmentSet, index: RoomIndex) {
    this.#segments = segments;
    this.#index = index;
  }

  /**
   * How to find them in a segment.
   *
   * @param after only messages after this sequence are needed
   */
  async of(segment: Segment, rooms: RoomSelection, after: number): Promise<Plan> {
    const next = this.#segments.next(segment);
    // If segments after it are missing, a scan of this one finds the gap.
    const isFollowed = next === undefined || next.serial === segment.serial + 1;
    if (!segment.hasRooms) {
      return rooms.has("") ? all : isFollowed ? none : scan;
    }
    if (!isFollowed) {
      return scan;
    }
    const found = await this.#index.of(segment).catch((error) => {
      if (error instanceof DamagedRoomFile) {
        throw error;
      }
      return undefined; // The file cannot be written now, for example because the disk is full.
    });
    if (found === undefined) {
      return scan;
    }
    if (found instanceof RoomFile) {
      return this.#ofFile(found, rooms);
    }
    if (found.isCovered(rooms)) {
      return all;
    }
    const { list, through } = found.list(rooms, after);
    return list.length === 0 ? none : { kind: "list", list, through };
  }

  /**
   * The index in a list of the first segment, from `from` on, that may have messages of some rooms.
   */
  async nextWith(rooms: RoomSelection, list: readonly Segment[], from: number): Promise<number> {
    const serial = list[from]?.serial;
    if (serial === undefined || !isFew(rooms)) {
      return from;
    }
    // A segment before a gap is always scanned, because messages are missing there.
    const gap = list.findIndex((one, i) => i >= from && list[i + 1]?.serial !== one.serial + 1);
    // The file of each segment has the last segment of every room: a binary search finds the first
    // one with messages.
    let low = from;
    let high = from;
    for (let step = 1; high < gap; step *= 2) {
      if (await this.#hasSince(rooms, list[high]!, serial)) {
        break;
      }
      low = high + 1;
      high = Math.min(gap, high + step);
    }
    return lowerBoundAsync(low, high, (i) => this.#hasSince(rooms, list[i]!, serial));
  }

  /**
   * The index of the last segment up to `from` that may have messages of some rooms; -1: none has.
   */
  async previousWith(
    rooms: RoomSelection,
    list: readonly Segment[],
    from: number,
  ): Promise<number> {
    const segment = list[from];
    if (segment === undefined || !isFew(rooms) || !segment.hasRooms) {
      return from;
    }
    const found = await this.#fileOf(segment);
    if (found === undefined) {
      return from;
    }
    let serial = 0;
    for (const title of titlesOf(rooms)) {
      serial = Math.max(serial, (await found.find(title))?.serial ?? 0);
    }
    return list.findLastIndex((one, i) => i <= from && one.serial <= serial);
  }

  /**
   * Whether one of the rooms may have messages between segment `serial` and the end of `segment`.
   */
  async #hasSince(rooms: RoomSelection, segment: Segment, serial: number): Promise<boolean> {
    const file = segment.hasRooms ? await this.#fileOf(segment) : undefined;
    if (file === undefined) {
      return true;
    }
    for (const title of titlesOf(rooms)) {
      if (((await file.find(title))?.serial ?? 0) >= serial) {
        return true;
      }
    }
    return false;
  }

  async #fileOf(segment: Segment): Promise<RoomFile | undefined> {
    const found = await this.#index.of(segment).catch(() => undefined);
    return found instanceof RoomFile ? found : undefined;
  }

  async #ofFile(file: RoomFile, rooms: RoomSelection): Promise<Plan> {
    const { cache } = this.#index;
    const key = `${file.key} of ${rooms.key}`;
    const known = cache.get(key);
    if (known !== undefined) {
      return known as Plan;
    }
    const plan = await planOf(file, rooms);
    const bytes = plan.kind === "list" ? plan.list.bytes : 0;
    cache.set(key, plan, 256 + key.length + bytes);
    return plan;
  }
}

function isFew({ names, prefixes }: RoomSelection): boolean {
  return prefixes.size === 0 && names.size <= maxLookedUp;
}

function titlesOf({ names }: RoomSelection): string[] {
  return [...[...names].map(roomTitle), lostRoom];
}

async function planOf(file: RoomFile, rooms: RoomSelection): Promise<Plan> {
  const entries: RoomEntry[] = [];
  let count = 0;
  const add = (entry: RoomEntry | undefined) => {
    if (entry !== undefined && entry.postings > 0) {
      entries.push(entry);
      count += entry.postings;
    }
  };
  const pace = new Pace();
  for (const title of titlesOf(rooms)) {
    add(await file.find(title));
    await pace.rest();
  }
  for (const prefix of rooms.prefixes) {
    for await (const some of file.entriesFrom(prefix)) {
      const inside = some.filter(({ title }) => title.startsWith(prefix));
      for (const entry of inside) {
        add(entry);
      }
      if (inside.length < some.length) {
        break;
      }
    }
  }
  if (count === 0) {
    return none;
  }
  if (count === file.header.postings) {
    return all;
  }
  if (count > maxListed) {
    return scan;
  }
  const list = new PostingList();
  for (const entry of entries) {
    await file.addPostings(entry, list);
    await pace.rest();
  }
  const sorted = entries.length === 1 ? list : list.sorted();
  return { kind: "list", list: sorted, through: Number.POSITIVE_INFINITY };
}
