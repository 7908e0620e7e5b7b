import { cursorLength, writeCursor } from "./cursor.js";
import { envelopePrefixLength, writeEnvelopePrefix } from "./envelope.js";
import {
  bytesSize,
  bytesTag,
  FieldReader,
  findField,
  lengthAt,
  numberSize,
  numberTag,
  skipField,
  writeNumber,
  writeText,
} from "./fields.js";

/*
 * The stored form of a message: a HistoryResponse in the default view inside an envelope. Its text
 * and its length are there even if they are empty and 0, which protobuf would leave out. The cursor
 * is the last field: readers of a batch find the sequence there (`batch.ts`).
 *
 * Text, sender and room are known before the log accepts the message. On NATS, they are the payload
 * of a message of the stream, and the rest is added when it is read: protobuf fields may come in
 * any order.
 */

/**
 * The numbers of the fields of a HistoryResponse. An event, a SubscribeResponse, has the same
 * fields, except that the second is `action`.
 */
const fields = {
  message: 1,
  length: 2,
  sentAt: 3,
  sequence: 4,
  sender: 5,
  cursor: 6,
  room: 7,
} as const;

/** How each field begins. */
export const tags = {
  message: bytesTag(fields.message),
  length: numberTag(fields.length),
  sentAt: bytesTag(fields.sentAt),
  sequence: numberTag(fields.sequence),
  sender: bytesTag(fields.sender),
  cursor: bytesTag(fields.cursor),
  room: bytesTag(fields.room),
} as const;

/** How the fields of a Timestamp begin. */
export const timeTags = { seconds: numberTag(1), nanos: numberTag(2) } as const;

/** A message as it is written. */
export interface NewStoredMessage {
  readonly text: string;
  /** Length of the text in UTF-8. */
  readonly textBytes: number;
  readonly sender: string;
  /** Length of the sender in UTF-8. */
  readonly senderBytes: number;
  /** A valid name, all ASCII; empty for `main`. Default: `main`. */
  readonly room?: string;
  readonly sequence: number;
}

/** What is read from a stored message, or from an event. */
export interface StoredFields {
  message: string;
  /** Length of the text, in bytes of UTF-8. */
  length: number;
  /** In milliseconds since 1970. */
  sentAt: number;
  sequence: number;
  sender: string;
  cursor: string;
  /** Empty for `main`. */
  room: string;
}

/** What the messages of one commit have in common. */
export interface CommitFields {
  readonly identity: string;
  /** In milliseconds since 1970. */
  readonly sentAt: number;
  /** The field sent_at, tag and all. */
  readonly time: Uint8Array;
}

/** Prepares what the messages of one commit have in common. */
export function createCommitFields(identity: string, sentAt: number): CommitFields {
  const seconds = Math.floor(sentAt / 1000);
  const nanos = (sentAt - seconds * 1000) * 1_000_000;
  const time = new Uint8Array(24);
  let at = 2;
  if (seconds > 0) {
    at = writeNumber(time, at, timeTags.seconds, seconds);
  }
  if (nanos > 0) {
    at = writeNumber(time, at, timeTags.nanos, nanos);
  }
  time[0] = tags.sentAt;
  time[1] = at - 2;
  return { identity, sentAt, time: time.subarray(0, at) };
}

/** Bytes of the fields that are known before the log accepts a message. */
export function postedSize(textBytes: number, senderBytes: number, room = ""): number {
  return (
    bytesSize(textBytes) +
    numberSize(textBytes) +
    (senderBytes > 0 ? bytesSize(senderBytes) : 0) +
    (room === "" ? 0 : bytesSize(room.length))
  );
}

/** Bytes of the fields that are known once the log has accepted it. */
export function placeSize(time: Uint8Array, sequence: number): number {
  return time.length + numberSize(sequence) + bytesSize(cursorLength);
}

/** Bytes that `writeStored` will write, the envelope included. */
export function storedSize(
  { time }: CommitFields,
  textBytes: number,
  senderBytes: number,
  sequence: number,
  room = "",
): number {
  return (
    envelopePrefixLength + postedSize(textBytes, senderBytes, room) + placeSize(time, sequence)
  );
}

/**
 * Writes one message, in its envelope, at `offset` and returns where it ends.
 *
 * @param size its `storedSize`
 */
export function writeStored(
  target: Buffer,
  offset: number,
  size: number,
  { identity, time }: CommitFields,
  { text, textBytes, sender, senderBytes, room = "", sequence }: NewStoredMessage,
): number {
  writeEnvelopePrefix(target, offset, size - envelopePrefixLength);
  let at = writeText(target, offset + envelopePrefixLength, tags.message, text, textBytes);
  at = writeNumber(target, at, tags.length, textBytes);
  at = writeTime(target, at, time);
  at = writeNumber(target, at, tags.sequence, sequence);
  if (senderBytes > 0) {
    at = writeText(target, at, tags.sender, sender, senderBytes);
  }
  if (room !== "") {
    at = writeText(target, at, tags.room, room, room.length);
  }
  return writeCursorField(target, at, tags.cursor, identity, sequence);
}

/** Writes the field sent_at, which is copied byte by byte: it is short. */
export function writeTime(target: Uint8Array, offset: number, time: Uint8Array): number {
  for (let i = 0; i < time.length; i++) {
    target[offset + i] = time[i]!;
  }
  return offset + time.length;
}

/** Writes a field that is a cursor at `offset` and returns where it ends. */
export function writeCursorField(
  target: Uint8Array,
  offset: number,
  tag: number,
  identity: string,
  sequence: number,
): number {
  target[offset] = tag;
  target[offset + 1] = cursorLength;
  writeCursor(target, offset + 2, identity, sequence);
  return offset + 2 + cursorLength;
}

/**
 * Reads a stored message, or an event, between two offsets; unknown fields are skipped. Throws a
 * RangeError if the bytes are not a message.
 */
export function readStored(bytes: Buffer, start: number, end: number): StoredFields {
  const message: StoredFields = {
    message: "",
    length: 0,
    sentAt: 0,
    sequence: 0,
    sender: "",
    cursor: "",
    room: "",
  };
  const reader = new FieldReader(bytes, start);
  while (reader.at < end) {
    const field = reader.at;
    const tag = bytes[field]!;
    if (tag === tags.sequence) {
      reader.at++;
      message.sequence = reader.varint();
      continue;
    }
    const isRead =
      tag === tags.message ||
      tag === tags.sentAt ||
      tag === tags.sender ||
      tag === tags.cursor ||
      tag === tags.room;
    if (!isRead) {
      reader.at = skipField(bytes, field);
      if (reader.at <= field) {
        break; // Its length is not a valid length.
      }
      continue;
    }
    reader.at++;
    const length = reader.varint();
    const next = reader.at + length;
    if (next > end) {
      break;
    }
    switch (tag) {
      case tags.message:
        message.message = reader.text(next);
        message.length = length;
        break;
      case tags.sentAt:
        message.sentAt = readTime(reader, next);
        break;
      case tags.sender:
        message.sender = reader.text(next);
        break;
      case tags.room:
        message.room = reader.text(next);
        break;
      default:
        message.cursor = reader.text(next);
    }
    reader.at = next;
  }
  if (reader.at !== end) {
    throw new RangeError("the bytes are not a stored message");
  }
  return message;
}

/** A Timestamp in whole milliseconds since 1970. */
function readTime(reader: FieldReader, end: number): number {
  let ms = 0;
  while (reader.at < end) {
    const tag = reader.varint();
    const value = reader.varint();
    ms += tag === timeTags.seconds ? value * 1000 : Math.floor(value / 1_000_000);
  }
  return ms;
}

/** The room of a stored message between two offsets; empty for `main`. */
export function storedRoom(bytes: Buffer, start: number, end: number): string {
  const at = findField(bytes, start, end, fields.room);
  const span = at < end ? lengthAt(bytes, at + 1) : undefined;
  return span === undefined ? "" : bytes.toString("latin1", span.end - span.value, span.end);
}

/** Where the field `length` begins in a stored message between two offsets; `end` without one. */
export function findLength(bytes: Uint8Array, start: number, end: number): number {
  return findField(bytes, start, end, fields.length);
}

/** Where the field `message` begins in a stored message between two offsets; `end` without one. */
export function findMessage(bytes: Uint8Array, start: number, end: number): number {
  return findField(bytes, start, end, fields.message);
}
