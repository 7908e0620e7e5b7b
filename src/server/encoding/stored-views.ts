import type { Batch } from "./batch.js";
import { cursorLength } from "./cursor.js";
import { envelopeEnd, envelopePrefixLength, writeEnvelopePrefix } from "./envelope.js";
import { bytesSize, bytesTag, skipField, writeText } from "./fields.js";
import { findLength, findMessage, tags } from "./stored-message.js";

/*
 * The log stores each message as the HistoryResponse of the default view. The other forms are made
 * from its bytes, once for each batch, and shared by everybody who reads that batch:
 *
 * - an event (SubscribeResponse) has `action` in place of `length`;
 * - the tiny view has only the text.
 */

/** The field `action` of an event. */
const action = "added";
const added = Buffer.alloc(bytesSize(action.length));
writeText(added, 0, bytesTag(2), action, action.length);

/** A batch as SubscribeResponses, in envelopes. */
export const eventsOf = cached((batch) => transcode(batch, copyEvent));

/** A batch as HistoryResponses of the tiny view, in envelopes. */
export const tinyOf = cached((batch) => transcode(batch, copyText));

/** An event that has a cursor only, in its envelope. */
export function bookmark(cursor: string): Uint8Array {
  const length = bytesSize(cursorLength);
  const bytes = Buffer.alloc(envelopePrefixLength + length);
  writeEnvelopePrefix(bytes, 0, length);
  writeText(bytes, envelopePrefixLength, tags.cursor, cursor, cursorLength);
  return bytes;
}

function cached(make: (batch: Batch) => Uint8Array): (batch: Batch) => Uint8Array {
  const made = new WeakMap<Batch, Uint8Array>();
  return (batch) => {
    let bytes = made.get(batch);
    if (!bytes) {
      bytes = make(batch);
      made.set(batch, bytes);
    }
    return bytes;
  };
}

interface Target {
  readonly bytes: Uint8Array;
  /** Where to write. */
  at: number;
}

function copyEvent(stored: Uint8Array, start: number, end: number, target: Target): void {
  const from = findLength(stored, start, end);
  copy(stored, start, from, target);
  target.bytes.set(added, target.at);
  target.at += added.length;
  if (from < end) {
    copy(stored, skipField(stored, from), end, target);
  }
}

function copyText(stored: Uint8Array, start: number, end: number, target: Target): void {
  const from = findMessage(stored, start, end);
  if (from < end) {
    copy(stored, from, skipField(stored, from), target);
  }
}

function copy(stored: Uint8Array, start: number, end: number, target: Target): void {
  target.bytes.set(stored.subarray(start, end), target.at);
  target.at += end - start;
}

function transcode(batch: Batch, write: typeof copyEvent): Uint8Array {
  const { buffer, byteOffset, length } = batch.bytes;
  // Views of a Buffer are Buffers, which cost several times as much.
  const bytes = new Uint8Array(buffer, byteOffset, length);
  const target: Target = { bytes: new Uint8Array(length + batch.count * added.length), at: 0 };
  for (let offset = 0; offset < length; ) {
    const start = offset + envelopePrefixLength;
    offset = envelopeEnd(bytes, offset);
    const header = target.at;
    target.at += envelopePrefixLength;
    write(bytes, start, offset, target);
    writeEnvelopePrefix(target.bytes, header, target.at - header - envelopePrefixLength);
  }
  return target.bytes.subarray(0, target.at);
}
