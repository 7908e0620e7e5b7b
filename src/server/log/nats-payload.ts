import { cursorLength, writeCursor } from "./cursor.js";
import type { NewMessage } from "./message-log.js";
import type { MessageRecord } from "./record.js";
import {
  createStamp,
  envelopeLength,
  maxBatchBytes,
  varintSize,
  writeVarint,
} from "./stored-message.js";

/*
 * One post is one JetStream message. Its payload is the part of the stored form that is
 * known before the stream takes it: a HistoryResponse with `message`, `length` and `sender`.
 * What the stream decides (`sent_at`, `sequence`, and the cursor that follows from it) is
 * appended on read: protobuf fields may come in any order, so that joining two pieces of a
 * message makes one. A message that was imported has the `sent_at` of its own log at the end
 * of its payload, where it would be appended otherwise.
 */

const messageTag = 0x0a;
const lengthTag = 0x10;
const sentAtTag = 0x1a;
const secondsTag = 0x08;
const sequenceTag = 0x20;
const senderTag = 0x2a;
const cursorTag = 0x32;

/** A message as the stream has it. */
export interface StreamMessage {
  /** Its place in the stream. */
  readonly sequence: number;
  /** When the stream took it, by the clock of its leader: milliseconds since 1970. */
  readonly sentAt: number;
  readonly payload: Uint8Array;
}

/** What an imported message is in the stream; `sentAt` in milliseconds since 1970. */
export function encodeImported(
  message: Pick<NewMessage, "text" | "sender">,
  sentAt: number,
): Buffer {
  return Buffer.concat([encodePayload(message), createStamp("", sentAt).field]);
}

/** What a post is in the stream. */
export function encodePayload({ text, sender }: Pick<NewMessage, "text" | "sender">): Buffer {
  const textBytes = Buffer.byteLength(text);
  const senderBytes = Buffer.byteLength(sender);
  const target = Buffer.allocUnsafe(
    2 * (1 + varintSize(textBytes)) + textBytes + senderSize(senderBytes),
  );
  target[0] = messageTag;
  let at = writeVarint(target, 1, textBytes);
  at += target.write(text, at, "utf8");
  target[at] = lengthTag;
  at = writeVarint(target, at + 1, textBytes);
  if (senderBytes > 0) {
    target[at] = senderTag;
    at = writeVarint(target, at + 1, senderBytes);
    target.write(sender, at, "utf8");
  }
  return target;
}

function senderSize(bytes: number): number {
  return bytes > 0 ? 1 + varintSize(bytes) + bytes : 0;
}

/**
 * Whether a payload is one that was made here: anybody who may publish to the stream's
 * subject can put other things there, which readers could not decode.
 */
export function isPayload(payload: Uint8Array): boolean {
  const end = postEnd(payload);
  return (
    end === payload.length ||
    (end !== undefined &&
      payload[end] === sentAtTag &&
      lengthAt(payload, end + 1)?.end === payload.length)
  );
}

/** Where what `encodePayload` makes ends in a payload; undefined if it does not begin so. */
function postEnd(payload: Uint8Array): number | undefined {
  const text = payload[0] === messageTag ? lengthAt(payload, 1) : undefined;
  if (text === undefined || payload[text.end] !== lengthTag) {
    return undefined;
  }
  const length = numberAt(payload, text.end + 1);
  if (length?.value !== text.value) {
    return undefined;
  }
  return payload[length.end] === senderTag ? lengthAt(payload, length.end + 1)?.end : length.end;
}

/** The number at `offset`, and where it ends. */
function numberAt(bytes: Uint8Array, offset: number) {
  let value = 0;
  let at = offset;
  for (let factor = 1; at < offset + 6; factor *= 128) {
    const byte = bytes[at++];
    if (byte === undefined) {
      return undefined;
    }
    value += (byte & 127) * factor;
    if (byte < 128) {
      return { value, end: at };
    }
  }
  return undefined;
}

/** The length at `offset`, and where what has that length ends. */
function lengthAt(bytes: Uint8Array, offset: number) {
  const length = numberAt(bytes, offset);
  return length && { value: length.value, end: length.end + length.value };
}

/**
 * When a stored message was sent, in milliseconds since 1970; undefined if it is not the one
 * that was made of this payload.
 */
export function sentAtOf(stored: Uint8Array, payload: Buffer): number | undefined {
  const end = envelopeLength + payload.length;
  if (!payload.equals(stored.subarray(envelopeLength, end)) || stored[end] !== sentAtTag) {
    return undefined;
  }
  let sentAt = 0;
  const field = lengthAt(stored, end + 1)!;
  for (let at = end + 2; at < field.end; ) {
    const isSeconds = stored[at] === secondsTag;
    const number = numberAt(stored, at + 1)!;
    sentAt += isSeconds ? number.value * 1000 : number.value / 1e6;
    at = number.end;
  }
  return sentAt;
}

/**
 * The stored form of messages that follow each other, at least one: as many batches as it
 * takes for each to have at most 64 KiB, or one message.
 */
export function sealStream(identity: string, messages: readonly StreamMessage[]): MessageRecord[] {
  const records: MessageRecord[] = [];
  const none = new Uint8Array();
  let stamp = createStamp(identity, messages[0]!.sentAt).field;
  let stampOf = messages[0]!.sentAt;
  const stamps = messages.map(({ sentAt, payload }) => {
    if (postEnd(payload) !== payload.length) {
      return none; // It was imported and has its time.
    }
    if (sentAt !== stampOf) {
      stampOf = sentAt;
      stamp = createStamp(identity, sentAt).field;
    }
    return stamp;
  });
  for (let start = 0; start < messages.length; ) {
    let end = start;
    let bytes = 0;
    while (end < messages.length) {
      const size = sealedSize(messages[end]!, stamps[end]!);
      if (end > start && bytes + size > maxBatchBytes) {
        break;
      }
      bytes += size;
      end++;
    }
    const target = Buffer.allocUnsafeSlow(bytes);
    for (let i = start, at = 0; i < end; i++) {
      at = writeSealed(target, at, identity, messages[i]!, stamps[i]!);
    }
    records.push({
      first: messages[start]!.sequence,
      last: messages[end - 1]!.sequence,
      count: end - start,
      bytes: target,
      sentAt: messages[end - 1]!.sentAt,
      totalBytes: 0, // The stream keeps count of its own.
    });
    start = end;
  }
  return records;
}

function sealedSize({ payload, sequence }: StreamMessage, stamp: Uint8Array): number {
  return (
    envelopeLength + payload.length + stamp.length + (1 + varintSize(sequence)) + (2 + cursorLength)
  );
}

function writeSealed(
  target: Buffer,
  offset: number,
  identity: string,
  message: StreamMessage,
  stamp: Uint8Array,
): number {
  const { payload, sequence } = message;
  target[offset] = 0;
  target.writeUInt32BE(sealedSize(message, stamp) - envelopeLength, offset + 1);
  let at = offset + envelopeLength;
  target.set(payload, at);
  at += payload.length;
  target.set(stamp, at);
  at += stamp.length;
  target[at] = sequenceTag;
  at = writeVarint(target, at + 1, sequence);
  target[at] = cursorTag;
  target[at + 1] = cursorLength;
  writeCursor(target, at + 2, identity, sequence);
  return at + 2 + cursorLength;
}
