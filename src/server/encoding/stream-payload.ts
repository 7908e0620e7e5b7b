import { isUtf8 } from "node:buffer";
import { isRoomName, mainRoom } from "../../protocol/rooms.js";
import { type Batch, maxBatchBytes } from "./batch.js";
import { envelopePrefixLength, writeEnvelopePrefix } from "./envelope.js";
import { lengthAt, varintAt, writeNumber, writeText } from "./fields.js";
import {
  createCommitFields,
  placeSize,
  postedSize,
  tags,
  timeTags,
  writeCursorField,
  writeTime,
} from "./stored-message.js";

/*
 * One post is one JetStream message. Its payload is the part of the stored form that is known
 * before the stream stores it: a HistoryResponse with `message`, `length`, `sender` and `room`.
 * What the stream decides (`sent_at`, `sequence`, and the cursor that follows from it) is appended
 * on read: protobuf fields may come in any order, so two concatenated parts of a message are one
 * message. An imported message has the `sent_at` of its own log at the end of its payload, where it
 * would be appended otherwise.
 */

/** A message to be posted. */
interface Posted {
  readonly text: string;
  readonly sender: string;
  /** All ASCII; empty for `main`. Default: `main`. */
  readonly room?: string;
}

/** A message as it is in the stream. */
export interface StreamMessage {
  /** Its position in the stream. */
  readonly sequence: number;
  /** When the stream stored it, by the clock of its leader: milliseconds since 1970. */
  readonly sentAt: number;
  /** The subject that it was posted to: each room has one. */
  readonly subject: string;
  readonly payload: Uint8Array;
}

/** Messages of one room of the stream in their stored form. */
export interface StreamBatch extends Batch {
  /** Empty for `main`. */
  readonly room: string;
  /** When the stream stored the last of them, in milliseconds since 1970. */
  readonly sentAt: number;
  /** The stream counts its own bytes. */
  readonly totalBytes: 0;
}

/** The payload of an imported message; `sentAt` in milliseconds since 1970. */
export function encodeImported(message: Posted, sentAt: number): Buffer {
  return Buffer.concat([encodePayload(message), createCommitFields("", sentAt).time]);
}

/** The payload of a post. */
export function encodePayload({ text, sender, room = "" }: Posted): Buffer {
  const textBytes = Buffer.byteLength(text);
  const senderBytes = Buffer.byteLength(sender);
  const target = Buffer.allocUnsafe(postedSize(textBytes, senderBytes, room));
  let at = writeText(target, 0, tags.message, text, textBytes);
  at = writeNumber(target, at, tags.length, textBytes);
  if (senderBytes > 0) {
    at = writeText(target, at, tags.sender, sender, senderBytes);
  }
  if (room !== "") {
    writeText(target, at, tags.room, room, room.length);
  }
  return target;
}

/** The fields that a post has in the stream, and where they end. */
interface PostFields {
  readonly text: Span;
  readonly sender: Span | undefined;
  readonly room: Span | undefined;
  readonly end: number;
}

/** The length of a field's text, and where it ends. */
interface Span {
  readonly value: number;
  readonly end: number;
}

/**
 * Finds the output of `encodePayload` at the beginning of a payload; undefined if it is not there.
 */
function postFields(payload: Uint8Array): PostFields | undefined {
  const text = payload[0] === tags.message ? lengthAt(payload, 1) : undefined;
  const length =
    text && payload[text.end] === tags.length ? varintAt(payload, text.end + 1) : undefined;
  if (text === undefined || length?.value !== text.value) {
    return undefined;
  }
  const sender =
    payload[length.end] === tags.sender ? lengthAt(payload, length.end + 1) : undefined;
  const senderEnd = sender?.end ?? length.end;
  const room = payload[senderEnd] === tags.room ? lengthAt(payload, senderEnd + 1) : undefined;
  return { text, sender, room, end: room?.end ?? senderEnd };
}

function roomIn(payload: Uint8Array, room: Span | undefined): string {
  return room === undefined
    ? ""
    : Buffer.prototype.latin1Slice.call(payload, room.end - room.value, room.end);
}

/** What is wrong with a message that somebody else has posted, or that was damaged. */
export type PayloadFault = "form" | "text" | "sender" | "room" | "time";

/**
 * Why a payload is not a message of Chatter; undefined if it is one. Anybody who may publish to the
 * stream's subject can post other payloads, which readers could not decode: they have another form,
 * their text or sender is not UTF-8, or their time is invalid.
 */
export function payloadFault(payload: Uint8Array): PayloadFault | undefined {
  const fields = postFields(payload);
  if (fields === undefined) {
    return "form";
  }
  const { text, sender, room, end } = fields;
  if (end !== payload.length) {
    const time = payload[end] === tags.sentAt ? lengthAt(payload, end + 1) : undefined;
    if (time?.end !== payload.length) {
      return "form";
    }
    if (timeBetween(payload, time.end - time.value, time.end) === undefined) {
      return "time";
    }
  }
  if (!isUtf8Between(payload, text.end - text.value, text.end)) {
    return "text";
  }
  if (sender !== undefined && !isUtf8Between(payload, sender.end - sender.value, sender.end)) {
    return "sender";
  }
  if (room !== undefined) {
    const name = roomIn(payload, room);
    if (!isRoomName(name) || name === mainRoom) {
      return "room";
    }
  }
  return undefined;
}

/** The room that a payload names, which must be a message of Chatter; empty for `main`. */
export function payloadRoom(payload: Uint8Array): string {
  return roomIn(payload, postFields(payload)?.room);
}

/** Up to this length a loop is faster than a call. */
const shortBytes = 256;

function isUtf8Between(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start <= shortBytes) {
    let at = start;
    while (at < end && bytes[at]! < 128) {
      at++;
    }
    if (at === end) {
      return true;
    }
  }
  return isUtf8(bytes.subarray(start, end));
}

/** The last second of the year 9999, the last time that a Timestamp can have. */
const maxSeconds = 253_402_300_799;

/** The time of a Timestamp between two offsets, in milliseconds since 1970, if it has one. */
function timeBetween(bytes: Uint8Array, start: number, end: number): number | undefined {
  let at = start;
  let seconds = 0;
  let nanos = 0;
  if (at < end && bytes[at] === timeTags.seconds) {
    const number = varintAt(bytes, at + 1);
    if (number === undefined) {
      return undefined;
    }
    ({ value: seconds, end: at } = number);
  }
  if (at < end && bytes[at] === timeTags.nanos) {
    const number = varintAt(bytes, at + 1);
    if (number === undefined) {
      return undefined;
    }
    ({ value: nanos, end: at } = number);
  }
  return at === end && seconds <= maxSeconds && nanos < 1e9
    ? seconds * 1000 + nanos / 1e6
    : undefined;
}

/**
 * When a stored message was sent, in milliseconds since 1970; undefined if it was not made from
 * this payload.
 */
export function sentAtOf(stored: Uint8Array, payload: Buffer): number | undefined {
  const end = envelopePrefixLength + payload.length;
  if (!payload.equals(stored.subarray(envelopePrefixLength, end)) || stored[end] !== tags.sentAt) {
    return undefined;
  }
  const field = lengthAt(stored, end + 1)!;
  return timeBetween(stored, field.end - field.value, field.end);
}

/** When a message was sent: an imported one has its own time. Milliseconds since 1970. */
export function messageTime({ payload, sentAt }: StreamMessage): number {
  const end = postFields(payload)?.end ?? payload.length;
  const time = payload[end] === tags.sentAt ? lengthAt(payload, end + 1) : undefined;
  return (time && timeBetween(payload, time.end - time.value, time.end)) ?? sentAt;
}

/**
 * The stored form of consecutive messages, at least one: in as many batches as needed for each to
 * have at most 64 KiB, or one message.
 */
export function encodeBatches(identity: string, messages: readonly StreamMessage[]): Batch[] {
  return encodeRuns(identity, messages, () => true);
}

/** The same, each batch of one room. */
export function encodeRecords(identity: string, messages: readonly StreamMessage[]): StreamBatch[] {
  return encodeRuns(identity, messages, (room, other) => room === other);
}

/** @param isTogether whether messages of two rooms may be in the same batch */
function encodeRuns(
  identity: string,
  messages: readonly StreamMessage[],
  isTogether: (room: string, other: string) => boolean,
): StreamBatch[] {
  const batches: StreamBatch[] = [];
  const none = new Uint8Array();
  let stamp = createCommitFields(identity, messages[0]!.sentAt).time;
  let stampOf = messages[0]!.sentAt;
  const rooms: string[] = [];
  const stamps = messages.map(({ sentAt, payload }) => {
    const fields = postFields(payload);
    rooms.push(roomIn(payload, fields?.room));
    if (fields?.end !== payload.length) {
      return none; // It was imported and has its own time.
    }
    if (sentAt !== stampOf) {
      stampOf = sentAt;
      stamp = createCommitFields(identity, sentAt).time;
    }
    return stamp;
  });
  for (let start = 0; start < messages.length; ) {
    let end = start;
    let bytes = 0;
    const room = rooms[start]!;
    while (end < messages.length && isTogether(room, rooms[end]!)) {
      const size = encodedSize(messages[end]!, stamps[end]!);
      if (end > start && bytes + size > maxBatchBytes) {
        break;
      }
      bytes += size;
      end++;
    }
    const target = Buffer.allocUnsafeSlow(bytes);
    for (let i = start, at = 0; i < end; i++) {
      at = writeEncoded(target, at, identity, messages[i]!, stamps[i]!);
    }
    batches.push({
      room,
      first: messages[start]!.sequence,
      last: messages[end - 1]!.sequence,
      count: end - start,
      bytes: target,
      sentAt: messages[end - 1]!.sentAt,
      totalBytes: 0,
    });
    start = end;
  }
  return batches;
}

function encodedSize({ payload, sequence }: StreamMessage, time: Uint8Array): number {
  return envelopePrefixLength + payload.length + placeSize(time, sequence);
}

function writeEncoded(
  target: Buffer,
  offset: number,
  identity: string,
  message: StreamMessage,
  time: Uint8Array,
): number {
  const { payload, sequence } = message;
  writeEnvelopePrefix(target, offset, encodedSize(message, time) - envelopePrefixLength);
  const start = offset + envelopePrefixLength;
  target.set(payload, start);
  let at = writeTime(target, start + payload.length, time);
  at = writeNumber(target, at, tags.sequence, sequence);
  return writeCursorField(target, at, tags.cursor, identity, sequence);
}
