import { crc32c } from "../../../../encoding/crc32c.js";

/*
 * The file of a segment's rooms consists of pages of 4,096 bytes, each with its checksum, so that
 * it is read by position, a page at a time. All numbers are big-endian:
 *
 *    0  CRC-32C of the rest of the page (4 bytes)
 *    4  its contents
 *
 * The first page is the header:
 *
 *    4  "chatrms\n"
 *   12  version of the format (2)
 *   14  salt of the segment (4), where it ends (4)
 *   22  CRC-32C of the first page of the file that this one continues; 0: none (4)
 *   26  CRC-32C of the checksums of all other pages (4)
 *   30  sequence of the last message of the segment (6)
 *   36  postings (4)
 *   40  first page of entries (4), how many pages of them (4)
 *   48  first page of fences (4), how many pages of them (4)
 *   56  entries of rooms that the segment has (4)
 *
 * Postings: from page 1 on, 255 a page, those of each room side by side in the order of the log.
 * Of each record where it begins (4), its last sequence (6), and how many messages the room has
 * in the segment up to and with it (6).
 *
 * Entries: one for each room that has kept messages, in the order of their titles. How many are
 * in the page (2), and for each
 *
 *    0  length of the title (1), the title
 *    0  messages of the room (6), last sequence (6), time of the last (6), the sequence from
 *       which on messages were counted (6), number of the segment that has the last (4)
 *   28  where that is this segment: the index of its first posting (4), how many it has (4)
 *
 * Fences: the title of the first entry of each page of entries. How many are in the page (2), and
 * for each the length of the title (1) and the title.
 */

export const pageLength = 4096;
/** Where in a page its contents begin. */
export const pageStart = 4;

export const postingLength = 16;
export const postingsPerPage = Math.floor((pageLength - pageStart) / postingLength);

/** Bytes of an entry behind its title. */
export const entryLength = 28;
export const ownEntryLength = entryLength + 8;

const magic = "chatrms\n";
const version = 1;

/** The contents of the first page. */
export interface PagesHeader {
  readonly salt: number;
  readonly end: number;
  readonly previous: number;
  readonly sum: number;
  readonly last: number;
  readonly postings: number;
  readonly entriesPage: number;
  readonly entriesPages: number;
  readonly fencesPage: number;
  readonly fencesPages: number;
  readonly ownEntries: number;
}

/** Writes the checksum before the contents of a page, and returns it. */
export function sealPage(page: Buffer): number {
  const sum = crc32c(page, pageStart, pageLength);
  page.writeUInt32BE(sum, 0);
  return sum;
}

/** Whether a page matches its checksum. */
export function isIntact(page: Buffer): boolean {
  return page.length === pageLength && page.readUInt32BE(0) === crc32c(page, pageStart);
}

export function encodeHeader(header: PagesHeader): Buffer {
  const page = Buffer.alloc(pageLength);
  page.write(magic, 4, "latin1");
  page.writeUInt16BE(version, 12);
  page.writeUInt32BE(header.salt, 14);
  page.writeUInt32BE(header.end, 18);
  page.writeUInt32BE(header.previous, 22);
  page.writeUInt32BE(header.sum, 26);
  page.writeUIntBE(header.last, 30, 6);
  page.writeUInt32BE(header.postings, 36);
  page.writeUInt32BE(header.entriesPage, 40);
  page.writeUInt32BE(header.entriesPages, 44);
  page.writeUInt32BE(header.fencesPage, 48);
  page.writeUInt32BE(header.fencesPages, 52);
  page.writeUInt32BE(header.ownEntries, 56);
  sealPage(page);
  return page;
}

/**
 * Reads the first page of a file; undefined if it is not one, is damaged, or has another version.
 */
export function decodeHeader(page: Buffer): PagesHeader | undefined {
  if (
    !isIntact(page) ||
    page.toString("latin1", 4, 12) !== magic ||
    page.readUInt16BE(12) !== version
  ) {
    return undefined;
  }
  return {
    salt: page.readUInt32BE(14),
    end: page.readUInt32BE(18),
    previous: page.readUInt32BE(22),
    sum: page.readUInt32BE(26),
    last: page.readUIntBE(30, 6),
    postings: page.readUInt32BE(36),
    entriesPage: page.readUInt32BE(40),
    entriesPages: page.readUInt32BE(44),
    fencesPage: page.readUInt32BE(48),
    fencesPages: page.readUInt32BE(52),
    ownEntries: page.readUInt32BE(56),
  };
}

/** The state of a room at the end of a segment. */
export interface RoomEntry {
  readonly title: string;
  /** Messages of the room from `born` on. */
  readonly total: number;
  /** Sequence of the last one. */
  readonly last: number;
  /** When the log stored it, in milliseconds since 1970. */
  readonly lastAt: number;
  /** Sequence of the first counted message. When it was stored, no earlier one was kept. */
  readonly born: number;
  /** The segment that has the last message. */
  readonly serial: number;
  /** Index of the first posting in that segment's file. */
  readonly firstPosting: number;
  /** How many postings there are; 0: the last message is not in this segment. */
  readonly postings: number;
}

/** Size of an entry in a file, in bytes. */
export function entrySize({ title, postings }: RoomEntry): number {
  return 1 + title.length + (postings > 0 ? ownEntryLength : entryLength);
}

/** Writes an entry and returns where it ends. */
export function encodeEntry(target: Buffer, offset: number, entry: RoomEntry): number {
  let at = writeTitle(target, offset, entry.title);
  for (const value of [entry.total, entry.last, entry.lastAt, entry.born]) {
    at = target.writeUIntBE(value, at, 6);
  }
  at = target.writeUInt32BE(entry.serial, at);
  if (entry.postings > 0) {
    at = target.writeUInt32BE(entry.firstPosting, at);
    at = target.writeUInt32BE(entry.postings, at);
  }
  return at;
}

/** Reads the entry at a place of the file of a segment. */
export function decodeEntry(page: Buffer, offset: number, ownSerial: number): RoomEntry {
  const titleEnd = offset + 1 + page[offset]!;
  const serial = page.readUInt32BE(titleEnd + 24);
  const isOwn = serial === ownSerial;
  return {
    title: page.toString("latin1", offset + 1, titleEnd),
    total: page.readUIntBE(titleEnd, 6),
    last: page.readUIntBE(titleEnd + 6, 6),
    lastAt: page.readUIntBE(titleEnd + 12, 6),
    born: page.readUIntBE(titleEnd + 18, 6),
    serial,
    firstPosting: isOwn ? page.readUInt32BE(titleEnd + 28) : 0,
    postings: isOwn ? page.readUInt32BE(titleEnd + 32) : 0,
  };
}

/** Where the entry after the one at a place begins. */
export function entryEnd(page: Buffer, offset: number, ownSerial: number): number {
  const titleEnd = offset + 1 + page[offset]!;
  const isOwn = page.readUInt32BE(titleEnd + 24) === ownSerial;
  return titleEnd + (isOwn ? ownEntryLength : entryLength);
}

/** Writes a title with its length and returns where it ends. */
export function writeTitle(target: Buffer, offset: number, title: string): number {
  target[offset] = title.length;
  return offset + 1 + target.write(title, offset + 1, "latin1");
}
