import { crc32c } from "../../../encoding/crc32c.js";
import { idHashBytes, textHashBytes } from "../../core/dedupe-window.js";
import type { HashedId, IdRecord } from "../../core/stored-record.js";

/*
 * A segment is a sequence of items. An item is a header of 52 bytes, the name of a room, and a
 * payload. All numbers are big-endian:
 *
 *    0  CRC-32C of the header from byte 4 on, with the name of the room
 *    4  CRC-32C of the payload
 *    8  length of the payload (4 bytes)
 *   12  length of the name of the room (2); 0: the room `main`
 *   14  kind (1)
 *   15  flags (1); 1: the last item of its commit
 *   16  salt of the segment (4)
 *   20  number of the commit in the segment, from 1 (4)
 *   24  first sequence (6)
 *   30  last sequence (6)
 *   36  count (4)
 *   40  when the log stored the messages, in ms since 1970 (6)
 *   46  bytes of payload of messages that the log has ever stored, with this item (6)
 *
 * The salt is random: no posted text can look like an item, so it is safe to search for an intact
 * header after a damaged one.
 */

export const itemHeaderLength = 52;

/** The kinds of items. */
export const itemKind = {
  /** Messages in their stored form: `count` of them, `first` to `last`. */
  messages: 1,
  /** The ids of messages: `count` of them, of the messages `first` to `last`. */
  ids: 2,
  /** Retention has removed the messages before `first`. No payload. */
  firstKept: 3,
  /** The messages `first` to `last` were lost before they came into this log. No payload. */
  gap: 4,
} as const;

export type ItemKind = (typeof itemKind)[keyof typeof itemKind];

/** Maximum length of a room's name, in bytes. */
export const maxRoomLength = 255;

/** The contents of an item's header. */
export interface ItemHeader {
  readonly kind: ItemKind;
  /** Whether it is the last item of its commit. */
  readonly endsCommit: boolean;
  readonly commit: number;
  /** All ASCII; empty for `main`, and for items that belong to no room. */
  readonly room: string;
  readonly first: number;
  readonly last: number;
  readonly count: number;
  readonly sentAt: number;
  readonly totalBytes: number;
  readonly payloadSum: number;
  readonly payloadLength: number;
  /** Bytes from the beginning of the item to its payload. */
  readonly payloadStart: number;
  /** Bytes of the whole item. */
  readonly length: number;
}

/** What is known of an item before its commit is written. */
export type NewItem = Pick<
  ItemHeader,
  "kind" | "room" | "first" | "last" | "count" | "sentAt" | "totalBytes"
>;

/** An item in the frame of a commit, where its payload is from `start` to `end`. */
export interface FramedItem extends NewItem {
  readonly start: number;
  readonly end: number;
}

/** Bytes of an item before its payload: the header and the name of the room. */
export function itemPrefixLength(room: string): number {
  return itemHeaderLength + room.length;
}

/**
 * Writes the header of an item and the name of its room at `at`; its payload of `payloadLength`
 * bytes is already behind them. Returns where the item ends.
 */
export function encodeItem(
  target: Buffer,
  at: number,
  payloadLength: number,
  item: NewItem,
  { salt, commit, endsCommit }: Pick<ItemHeader, "commit" | "endsCommit"> & { salt: number },
): number {
  const { room } = item;
  const payload = at + itemPrefixLength(room);
  write32(target, at + 4, crc32c(target, payload, payload + payloadLength));
  write32(target, at + 8, payloadLength);
  target[at + 12] = room.length >>> 8;
  target[at + 13] = room.length;
  target[at + 14] = item.kind;
  target[at + 15] = endsCommit ? 1 : 0;
  write32(target, at + 16, salt);
  write32(target, at + 20, commit);
  write48(target, at + 24, item.first);
  write48(target, at + 30, item.last);
  write32(target, at + 36, item.count);
  write48(target, at + 40, item.sentAt);
  write48(target, at + 46, item.totalBytes);
  for (let i = 0; i < room.length; i++) {
    target[at + itemHeaderLength + i] = room.charCodeAt(i);
  }
  write32(target, at, crc32c(target, at + 4, payload));
  return payload + payloadLength;
}

/** Many messages are items of their own: Buffer's methods would double the cost of each. */
function write32(target: Buffer, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

function write48(target: Buffer, at: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  target[at] = high >>> 8;
  target[at + 1] = high;
  write32(target, at + 2, value >>> 0);
}

/**
 * Reads the header of an item, which begins at `at` of `bytes`; undefined if it is damaged or not
 * complete, with the name of its room.
 */
export function decodeItem(bytes: Buffer, at: number, salt: number): ItemHeader | undefined {
  const payload = payloadPlace(bytes, at, salt);
  if (payload < 0) {
    return undefined;
  }
  const roomLength = payload - at - itemHeaderLength;
  const payloadLength = bytes.readUInt32BE(at + 8);
  return {
    kind: bytes[at + 14] as ItemKind,
    endsCommit: (bytes[at + 15]! & 1) === 1,
    commit: bytes.readUInt32BE(at + 20),
    room: roomLength === 0 ? "" : bytes.toString("latin1", at + itemHeaderLength, payload),
    first: bytes.readUIntBE(at + 24, 6),
    last: bytes.readUIntBE(at + 30, 6),
    count: bytes.readUInt32BE(at + 36),
    sentAt: bytes.readUIntBE(at + 40, 6),
    totalBytes: bytes.readUIntBE(at + 46, 6),
    payloadSum: bytes.readUInt32BE(at + 4),
    payloadLength,
    payloadStart: itemHeaderLength + roomLength,
    length: itemHeaderLength + roomLength + payloadLength,
  };
}

/** Where the payload of an item begins; -1 if its header is damaged or not complete. */
function payloadPlace(bytes: Buffer, at: number, salt: number): number {
  if (at + itemHeaderLength > bytes.length || bytes.readUInt32BE(at + 16) !== salt) {
    return -1;
  }
  const roomLength = bytes.readUInt16BE(at + 12);
  const payload = at + itemHeaderLength + roomLength;
  return roomLength <= maxRoomLength &&
    payload <= bytes.length &&
    bytes.readUInt32BE(at) === crc32c(bytes, at + 4, payload)
    ? payload
    : -1;
}

/**
 * The payload of the record that begins at `at` and ends with the message `last`, without the rest
 * of its header, which readers of many small records do not need. A number, the length of the
 * record, if `bytes` end before it does; undefined if it is damaged or is not this record.
 */
export function recordPayload(
  bytes: Buffer,
  at: number,
  salt: number,
  last: number,
): Buffer | number | undefined {
  const start = payloadPlace(bytes, at, salt);
  if (start < 0 || bytes[at + 14] !== itemKind.messages || bytes.readUIntBE(at + 30, 6) !== last) {
    return undefined;
  }
  const end = start + bytes.readUInt32BE(at + 8);
  if (end > bytes.length) {
    return end - at;
  }
  return crc32c(bytes, start, end) === bytes.readUInt32BE(at + 4)
    ? bytes.subarray(start, end)
    : undefined;
}

/** The payload of the item that begins at `at`; undefined if it is damaged or not complete. */
export function payloadOf(bytes: Buffer, at: number, item: ItemHeader): Buffer | undefined {
  const start = at + item.payloadStart;
  const end = at + item.length;
  return end <= bytes.length && crc32c(bytes, start, end) === item.payloadSum
    ? bytes.subarray(start, end)
    : undefined;
}

/*
 * The payload of an item of ids: for each id its hash (16 bytes), the hash of the text (8)
 * and how far its sequence lies beyond the item's first (4).
 */

const hashedBytes = idHashBytes + textHashBytes;

/** Bytes of an id in an item of ids. */
export const idEntryLength = hashedBytes + 4;

/** Writes the payload of an item of ids at `at`. */
export function encodeIds(target: Buffer, at: number, ids: readonly HashedId[]): void {
  const first = ids[0]!.sequence;
  let place = at;
  for (const { hashed, sequence } of ids) {
    target.set(hashed, place);
    target.writeUInt32BE(sequence - first, place + hashedBytes);
    place += idEntryLength;
  }
}

/** Reads the payload of an item of ids. */
export function decodeIds(payload: Buffer, { first, sentAt }: ItemHeader): IdRecord {
  const ids: HashedId[] = [];
  for (let at = 0; at + idEntryLength <= payload.length; at += idEntryLength) {
    const hashed = payload.subarray(at, at + hashedBytes);
    ids.push({ hashed, sequence: first + payload.readUInt32BE(at + hashedBytes) });
  }
  return { sentAt, ids };
}
