import { lowerBound, lowerBoundAsync } from "../../../../util/lower-bound.js";
import type { ReadFile, SegmentFiles } from "../segment-files.js";
import type { ByteLru } from "./byte-lru.js";
import type { RoomDirectory } from "./directory.js";
import { Pace } from "./pace.js";
import {
  decodeEntry,
  decodeHeader,
  entryEnd,
  isIntact,
  type PagesHeader,
  pageLength,
  pageStart,
  postingLength,
  postingsPerPage,
  type RoomEntry,
} from "./page.js";
import type { PostingList } from "./posting-list.js";
import { lostRoom } from "./room-table.js";

/** A page of the file is damaged or missing: the file has to be made again. */
export class DamagedRoomFile extends Error {
  readonly file: RoomFile;

  constructor(file: RoomFile) {
    super(`${file.path} is damaged`);
    this.file = file;
  }
}

/** The parts of room files that are cached in memory. */
export type PageCache = ByteLru<object>;

/** Numbers the opened files, for the keys of their cached parts. */
let opened = 0;

/**
 * The room file of a segment: the rooms of the segment with the positions of their records, and the
 * state of all other rooms at its end. It is read by position, page by page.
 *
 * Its methods reject with `DamagedRoomFile` when the checksum of a page does not match.
 */
export class RoomFile implements ReadFile, RoomDirectory {
  readonly path: string;
  readonly serial: number;
  readonly header: PagesHeader;
  /** The checksum of its first page: the next file names the file that it continues by it. */
  readonly sum: number;
  readonly #files: SegmentFiles;
  readonly #cache: PageCache;
  /** Prefix of the keys of its cached parts. */
  readonly key: string;

  private constructor(
    path: string,
    serial: number,
    first: Buffer,
    header: PagesHeader,
    files: SegmentFiles,
    cache: PageCache,
  ) {
    this.path = path;
    this.serial = serial;
    this.header = header;
    this.sum = first.readUInt32BE(0);
    this.#files = files;
    this.#cache = cache;
    this.key = `${++opened}`;
  }

  /** Opens the file of a segment; undefined if it is missing, damaged, or of another segment. */
  static async open(
    segment: {
      readonly roomsPath: string;
      readonly serial: number;
      readonly salt: number;
      readonly end: number;
    },
    files: SegmentFiles,
    cache: PageCache,
  ): Promise<RoomFile | undefined> {
    const { roomsPath: path, serial, salt, end } = segment;
    const unopened = { path };
    const first = await files.read(unopened, 0, pageLength);
    files.forget(unopened);
    const header = decodeHeader(first);
    return header?.salt === salt && header.end === end
      ? new RoomFile(path, serial, first, header, files, cache)
      : undefined;
  }

  /** The state of a room; undefined if it had no kept messages. */
  async find(title: string): Promise<RoomEntry | undefined> {
    const number = await this.#entriesPageOf(title);
    if (number === undefined) {
      return undefined;
    }
    const page = await this.#page(number);
    const wanted = Buffer.from(title, "latin1");
    let at = pageStart + 2;
    for (let left = page.readUInt16BE(pageStart); left > 0; left--) {
      if (
        page[at] === wanted.length &&
        page.compare(wanted, 0, wanted.length, at + 1, at + 1 + wanted.length) === 0
      ) {
        return decodeEntry(page, at, this.serial);
      }
      at = entryEnd(page, at, this.serial);
    }
    return undefined;
  }

  /** The entries from a title on, in order, a page at a time. */
  async *entriesFrom(title: string): AsyncGenerator<RoomEntry[], void> {
    const { entriesPage, entriesPages } = this.header;
    const start = (await this.#entriesPageOf(title)) ?? entriesPage;
    const pace = new Pace();
    for (let number = start; number < entriesPage + entriesPages; number++) {
      const page = await this.#page(number);
      const entries: RoomEntry[] = [];
      let at = pageStart + 2;
      for (let left = page.readUInt16BE(pageStart); left > 0; left--) {
        const entry = decodeEntry(page, at, this.serial);
        if (entry.title >= title) {
          entries.push(entry);
        }
        at = entryEnd(page, at, this.serial);
      }
      yield entries;
      await pace.rest();
    }
  }

  /** Adds the positions of a room's records in the segment to a list. */
  async addPostings(entry: RoomEntry, list: PostingList): Promise<void> {
    const isLost = entry.title === lostRoom;
    const end = entry.firstPosting + entry.postings;
    let before = 0;
    for (let index = entry.firstPosting; index < end; ) {
      const page = await this.#page(1 + Math.floor(index / postingsPerPage));
      const pageEnd = Math.min(end, index - (index % postingsPerPage) + postingsPerPage);
      for (; index < pageEnd; index++) {
        const at = pageStart + (index % postingsPerPage) * postingLength;
        const through = page.readUIntBE(at + 10, 6);
        list.add(page.readUInt32BE(at), page.readUIntBE(at + 4, 6), through - before, isLost);
        before = through;
      }
    }
  }

  /** How many messages a room has in the segment up to a sequence. */
  async countThrough(entry: RoomEntry, sequence: number): Promise<number> {
    const low = await lowerBoundAsync(
      0,
      entry.postings,
      async (i) => (await this.#posting(entry, i)).last > sequence,
    );
    const before = low === 0 ? 0 : (await this.#posting(entry, low - 1)).through;
    if (low === entry.postings) {
      return before;
    }
    const next = await this.#posting(entry, low);
    const first = next.last - (next.through - before) + 1;
    return before + Math.max(0, sequence - first + 1);
  }

  /** A posting of a room, with the number of messages up to and including it. */
  async #posting(
    { firstPosting }: RoomEntry,
    index: number,
  ): Promise<{ readonly last: number; readonly through: number }> {
    const place = firstPosting + index;
    const page = await this.#page(1 + Math.floor(place / postingsPerPage));
    const at = pageStart + (place % postingsPerPage) * postingLength;
    return { last: page.readUIntBE(at + 4, 6), through: page.readUIntBE(at + 10, 6) };
  }

  /** The page that may have a title; undefined: the title comes before all entries. */
  async #entriesPageOf(title: string): Promise<number | undefined> {
    const fences = await this.#fences();
    const low = lowerBound(0, fences.length, (i) => fences[i]! > title);
    return low === 0 ? undefined : this.header.entriesPage + low - 1;
  }

  /** The first title of each page of entries. */
  async #fences(): Promise<readonly string[]> {
    const key = `${this.key} fences`;
    const known = this.#cache.get(key);
    if (known !== undefined) {
      return known as readonly string[];
    }
    const fences: string[] = [];
    const { fencesPage, fencesPages } = this.header;
    for (let number = fencesPage; number < fencesPage + fencesPages; number++) {
      const page = await this.#read(number);
      let at = pageStart + 2;
      for (let left = page.readUInt16BE(pageStart); left > 0; left--) {
        const end = at + 1 + page[at]!;
        fences.push(page.toString("latin1", at + 1, end));
        at = end;
      }
    }
    this.#cache.set(key, fences, 128 + fences.length * 48);
    return fences;
  }

  async #page(number: number): Promise<Buffer> {
    const key = `${this.key} ${number}`;
    const known = this.#cache.get(key);
    if (known !== undefined) {
      return known as Buffer;
    }
    const page = await this.#read(number);
    this.#cache.set(key, page, pageLength + 128);
    return page;
  }

  async #read(number: number): Promise<Buffer> {
    const page = await this.#files.read(this, number * pageLength, pageLength);
    if (!isIntact(page)) {
      throw new DamagedRoomFile(this);
    }
    return page;
  }
}
