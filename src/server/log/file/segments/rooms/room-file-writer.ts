import { roomTitle } from "../../../../../protocol/rooms.js";
import { crc32c } from "../../../../encoding/crc32c.js";
import { Draft } from "../../disk-file.js";
import { indexWrites } from "../../disk-queues.js";
import type { Segment } from "../segment.js";
import { Pace } from "./pace.js";
import {
  encodeEntry,
  encodeHeader,
  entrySize,
  pageLength,
  pageStart,
  postingLength,
  postingsPerPage,
  type RoomEntry,
  sealPage,
  writeTitle,
} from "./page.js";
import type { RoomTable } from "./room-table.js";

/** Pages that are written at once. */
const pagesAtOnce = 64;

/** The state of all rooms at the start of a segment. */
export interface RoomBase {
  /** In the order of their titles. */
  readonly entries: AsyncIterable<readonly RoomEntry[]>;
  /** The checksum of the first page of their file; 0: there is no file. */
  readonly sum: number;
}

/**
 * Writes the room file of a full segment: the segment's own rooms, from the table, and those rooms
 * of the base that had kept messages when the segment was created. The file depends on nothing
 * else, so that a lost file is written again exactly as it was.
 */
export async function writeRoomFile(
  segment: Segment,
  table: RoomTable,
  base: RoomBase,
): Promise<void> {
  const draft = await indexWrites.run(() => Draft.create(segment.roomsPath));
  try {
    const pages = new PageWriter(draft);
    const order = await table.order();
    const starts = await writePostings(pages, table, order);
    const entriesPage = pages.count;
    const fences: string[] = [];
    let page: Buffer | undefined;
    let at = 0;
    let count = 0;
    for await (const entries of mergedEntries(segment, table, order, starts, base)) {
      for (const entry of entries) {
        if (page === undefined || at + entrySize(entry) > pageLength) {
          await pages.addCounted(page, count);
          page = Buffer.alloc(pageLength);
          at = pageStart + 2;
          count = 0;
          fences.push(entry.title);
        }
        at = encodeEntry(page, at, entry);
        count++;
      }
    }
    await pages.addCounted(page, count);
    const fencesPage = pages.count;
    await writeFences(pages, fences);
    const fencesPages = pages.count - fencesPage;
    await pages.flush();
    const header = encodeHeader({
      salt: segment.salt,
      end: segment.end,
      previous: base.sum,
      sum: pages.sum,
      last: table.last,
      postings: table.length,
      entriesPage,
      entriesPages: fences.length,
      fencesPage,
      fencesPages,
      ownEntries: table.rooms.length,
    });
    await indexWrites.run(() => draft.write(header, 0));
  } catch (error) {
    await draft.abandon();
    throw error;
  }
  await indexWrites.run(() => draft.finish());
}

/** Collects pages and writes them after the first page, which is left free. */
class PageWriter {
  readonly #draft: Draft;
  #waiting: Buffer[] = [];
  /** Their checksums. */
  readonly #sums: number[] = [];
  #written = 1;

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  /** The number of the next page. */
  get count(): number {
    return this.#written + this.#waiting.length;
  }

  /** The checksum of the checksums of all pages. */
  get sum(): number {
    const sums = Buffer.alloc(4 * this.#sums.length);
    for (const [i, sum] of this.#sums.entries()) {
      sums.writeUInt32BE(sum, 4 * i);
    }
    return crc32c(sums);
  }

  async add(page: Buffer): Promise<void> {
    this.#sums.push(sealPage(page));
    this.#waiting.push(page);
    if (this.#waiting.length === pagesAtOnce) {
      await this.flush();
    }
  }

  /** Adds a page that begins with its number of items, unless there are none. */
  async addCounted(page: Buffer | undefined, count: number): Promise<void> {
    if (page !== undefined) {
      page.writeUInt16BE(count, pageStart);
      await this.add(page);
    }
  }

  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    await indexWrites.run(() => this.#draft.write(bytes, this.#written * pageLength));
    this.#written += this.#waiting.length;
    this.#waiting = [];
  }
}

/** Writes the postings, in the order of the rooms. Returns where those of each room begin. */
async function writePostings(
  pages: PageWriter,
  table: RoomTable,
  order: readonly number[],
): Promise<Uint32Array> {
  const pace = new Pace();
  const byRoom = table.recordsByRoom();
  const starts = new Uint32Array(byRoom.starts.length);
  let index = 0;
  let page = Buffer.alloc(pageLength);
  for (const id of order) {
    starts[id] = index;
    let through = 0;
    for (let i = byRoom.starts[id]!; i < byRoom.starts[id + 1]!; i++) {
      const { position, last, count } = table.record(byRoom.records[i]!);
      through += count;
      const at = pageStart + (index % postingsPerPage) * postingLength;
      page.writeUInt32BE(position, at);
      page.writeUIntBE(last, at + 4, 6);
      page.writeUIntBE(through, at + 10, 6);
      index++;
      if (index % postingsPerPage === 0) {
        await pages.add(page);
        await pace.rest();
        page = Buffer.alloc(pageLength);
      }
    }
  }
  if (index % postingsPerPage !== 0) {
    await pages.add(page);
  }
  return starts;
}

/** The entries of the file, a few at a time. */
async function* mergedEntries(
  segment: Segment,
  table: RoomTable,
  order: readonly number[],
  starts: Uint32Array,
  base: RoomBase,
): AsyncGenerator<RoomEntry[], void> {
  const pace = new Pace();
  const ownAt = (place: number): RoomEntry => {
    const id = order[place]!;
    const { room, count, first, last, lastAt } = table.rooms[id]!;
    const next = order[place + 1];
    return {
      title: roomTitle(room),
      total: count,
      last,
      lastAt,
      born: first,
      serial: segment.serial,
      firstPosting: starts[id]!,
      postings: (next === undefined ? table.length : starts[next]!) - starts[id]!,
    };
  };
  let place = 0;
  let mine = order.length > 0 ? ownAt(0) : undefined;
  const takeMine = () => {
    place++;
    mine = place < order.length ? ownAt(place) : undefined;
  };
  for await (const entries of base.entries) {
    const merged: RoomEntry[] = [];
    for (const entry of entries) {
      while (mine !== undefined && mine.title < entry.title) {
        merged.push(mine);
        takeMine();
      }
      const isKept = entry.last >= segment.firstKept;
      if (mine?.title === entry.title) {
        const total = mine.total + entry.total;
        merged.push(isKept ? { ...mine, total, born: entry.born } : mine);
        takeMine();
      } else if (isKept) {
        merged.push({ ...entry, firstPosting: 0, postings: 0 });
      }
    }
    yield merged;
    await pace.rest();
  }
  while (mine !== undefined) {
    const rest: RoomEntry[] = [];
    while (mine !== undefined && rest.length < postingsPerPage) {
      rest.push(mine);
      takeMine();
    }
    yield rest;
    await pace.rest();
  }
}

async function writeFences(pages: PageWriter, fences: readonly string[]): Promise<void> {
  let page: Buffer | undefined;
  let at = 0;
  let count = 0;
  for (const title of fences) {
    if (page === undefined || at + 1 + title.length > pageLength) {
      await pages.addCounted(page, count);
      page = Buffer.alloc(pageLength);
      at = pageStart + 2;
      count = 0;
    }
    at = writeTitle(page, at, title);
    count++;
  }
  await pages.addCounted(page, count);
}
