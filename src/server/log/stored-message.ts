import { cursorLength, readCursorSequence, writeCursor } from "./cursor.js";
import type { Batch } from "./message-log.js";

/*
 * The stored form of a message: a HistoryResponse in the default view inside a Connect/gRPC
 * envelope. Written by hand, as protobuf-es takes several times as long for a message and
 * this is done once for every message that there is. The order of the fields is the order
 * of their numbers, as protobuf writers do it; the cursor is always the last one.
 */

/** Bytes of the envelope before each message: one of flags, four of length. */
export const envelopeLength = 5;

/** Most bytes of a batch that has more than one message. */
export const maxBatchBytes = 65_536;

/** What the messages of one commit have in common. */
export interface Stamp {
  readonly identity: string;
  /** In milliseconds since 1970. */
  readonly sentAt: number;
  /** The field sent_at, tag and all. */
  readonly field: Uint8Array;
}

/** Prepares what the messages of one commit have in common. */
export function createStamp(identity: string, sentAt: number): Stamp {
  const seconds = Math.floor(sentAt / 1000);
  const nanos = (sentAt - seconds * 1000) * 1_000_000;
  const field = new Uint8Array(24);
  let at = 2;
  if (seconds > 0) {
    at = writeVarint(field, at, 0x08);
    at = writeVarint(field, at, seconds);
  }
  if (nanos > 0) {
    at = writeVarint(field, at, 0x10);
    at = writeVarint(field, at, nanos);
  }
  field[0] = 0x1a;
  field[1] = at - 2;
  return { identity, sentAt, field: field.subarray(0, at) };
}

/** Bytes that `writeStored` will write, the envelope included. */
export function storedSize(
  stamp: Stamp,
  textBytes: number,
  senderBytes: number,
  sequence: number,
): number {
  return (
    envelopeLength +
    (1 + varintSize(textBytes) + textBytes) +
    (1 + varintSize(textBytes)) +
    stamp.field.length +
    (1 + varintSize(sequence)) +
    (senderBytes > 0 ? 1 + varintSize(senderBytes) + senderBytes : 0) +
    (2 + cursorLength)
  );
}

/**
 * Writes one message at `offset` and returns where it ends. `size` is its `storedSize`,
 * `textBytes` and `senderBytes` are the lengths in UTF-8; the text is not empty.
 */
export function writeStored(
  target: Buffer,
  offset: number,
  size: number,
  stamp: Stamp,
  text: string,
  textBytes: number,
  sender: string,
  senderBytes: number,
  sequence: number,
): number {
  const length = size - envelopeLength;
  target[offset] = 0;
  target[offset + 1] = length >>> 24;
  target[offset + 2] = length >>> 16;
  target[offset + 3] = length >>> 8;
  target[offset + 4] = length;
  target[offset + 5] = 0x0a;
  let at = writeVarint(target, offset + 6, textBytes);
  target.write(text, at, "utf8");
  at += textBytes;
  target[at] = 0x10;
  at = writeVarint(target, at + 1, textBytes);
  const { field } = stamp;
  for (let i = 0; i < field.length; i++) {
    target[at + i] = field[i]!;
  }
  at += field.length;
  target[at] = 0x20;
  at = writeVarint(target, at + 1, sequence);
  if (senderBytes > 0) {
    target[at] = 0x2a;
    at = writeVarint(target, at + 1, senderBytes);
    target.write(sender, at, "utf8");
    at += senderBytes;
  }
  target[at] = 0x32;
  target[at + 1] = cursorLength;
  writeCursor(target, at + 2, stamp.identity, sequence);
  return at + 2 + cursorLength;
}

/** Where the envelope that begins at `offset` ends: where the next one begins. */
export function storedEnd(bytes: Uint8Array, offset: number): number {
  return (
    offset +
    envelopeLength +
    bytes[offset + 1]! * 0x1000000 +
    ((bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 8) | bytes[offset + 4]!)
  );
}

/** How many stored messages there are in `bytes`. */
export function countStored(bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at = storedEnd(bytes, at)) {
    count++;
  }
  return count;
}

/**
 * The part of a batch that follows `after`, goes no further than `through` and has at most
 * `limit` messages; undefined if nothing is left. Its bytes are a view, not a copy; the
 * batch itself if nothing is cut off.
 */
export function sliceBatch(
  batch: Batch,
  after: number,
  through = batch.last,
  limit = batch.count,
): Batch | undefined {
  const first = Math.max(batch.first, after + 1);
  const last = Math.min(batch.last, through, first + limit - 1);
  if (first > last) {
    return undefined;
  }
  if (first === batch.first && last === batch.last) {
    return batch;
  }
  if (batch.count < batch.last - batch.first + 1) {
    return sliceWithHoles(batch, after, through, limit);
  }
  const { bytes } = batch;
  let start = 0;
  for (let sequence = batch.first; sequence < first; sequence++) {
    start = storedEnd(bytes, start);
  }
  let end = bytes.length;
  if (last < batch.last) {
    end = start;
    for (let sequence = first; sequence <= last; sequence++) {
      end = storedEnd(bytes, end);
    }
  }
  return { first, last, count: last - first + 1, bytes: bytes.subarray(start, end) };
}

/** As `sliceBatch`, for a batch in which sequences are missing. */
function sliceWithHoles(
  { bytes }: Batch,
  after: number,
  through: number,
  limit: number,
): Batch | undefined {
  let start = 0;
  let end = 0;
  let first = 0;
  let last = 0;
  let count = 0;
  while (end < bytes.length && count < limit) {
    const next = storedEnd(bytes, end);
    const sequence = storedSequence(bytes, next);
    if (sequence > through) {
      break;
    }
    if (sequence <= after) {
      start = next;
    } else {
      first = count === 0 ? sequence : first;
      last = sequence;
      count++;
    }
    end = next;
  }
  return count === 0 ? undefined : { first, last, count, bytes: bytes.subarray(start, end) };
}

/** The sequence of the stored message that ends at `end`: it ends with its cursor. */
function storedSequence(bytes: Uint8Array, end: number): number {
  return readCursorSequence(bytes, end - cursorLength);
}

/** One batch of those that follow each other, at least one; a copy if there are several. */
export function joinBatches(batches: readonly Batch[]): Batch {
  const first = batches[0]!;
  const last = batches[batches.length - 1]!;
  if (first === last) {
    return first;
  }
  return {
    first: first.first,
    last: last.last,
    count: batches.reduce((sum, { count }) => sum + count, 0),
    bytes: Buffer.concat(batches.map((batch) => batch.bytes)),
  };
}

/** Bytes of a number as a varint. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest /= 128) {
    size++;
  }
  return size;
}

/** Writes a number as a varint at `offset` and returns where it ends. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) {
    target[at++] = (rest % 128) | 128;
  }
  for (; rest > 127; rest >>>= 7) {
    target[at++] = (rest & 127) | 128;
  }
  target[at++] = rest;
  return at;
}
