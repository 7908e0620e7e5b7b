import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Batch } from "../log/message-log.js";
import { envelopeHeadLength, envelopeLength, writeEnvelopeHead } from "./envelope.js";

/*
 * The log stores each message as the HistoryResponse of the default view. The other forms
 * are made from its bytes, once a batch, and shared by everybody who reads that batch:
 *
 * - an event (SubscribeResponse) has the same fields under the same numbers, but for
 *   field 2, which is `action` in place of `length`;
 * - the tiny view is field 1 alone.
 */

const messageField = 1;
const lengthField = 2;
const cursorField = 6;

/** Field 2 of an event: action = "added". */
const added = new BinaryWriter().tag(2, WireType.LengthDelimited).string("added").finish();

/** A batch as SubscribeResponses, in envelopes. */
export const eventsOf = cached((batch) => transcode(batch, eventParts));

/** A batch as HistoryResponses of the tiny view, in envelopes. */
export const tinyOf = cached((batch) => transcode(batch, tinyParts));

/** An event that has a cursor only, in its envelope. */
export function bookmark(cursor: string): Uint8Array {
  const message = new BinaryWriter()
    .tag(cursorField, WireType.LengthDelimited)
    .string(cursor)
    .finish();
  const bytes = new Uint8Array(envelopeHeadLength + message.length);
  writeEnvelopeHead(bytes, 0, message.length);
  bytes.set(message, envelopeHeadLength);
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

/** The parts of a stored message (all of it: `stored`) that its other form is made of. */
type PartsOf = (stored: Uint8Array) => readonly Uint8Array[];

function eventParts(stored: Uint8Array): readonly Uint8Array[] {
  const reader = new BinaryReader(stored);
  while (reader.pos < stored.length) {
    const start = reader.pos;
    const [field, wireType] = reader.tag();
    reader.skip(wireType, field);
    if (field === lengthField) {
      return [stored.subarray(0, start), added, stored.subarray(reader.pos)];
    }
  }
  return [stored, added];
}

function tinyParts(stored: Uint8Array): readonly Uint8Array[] {
  const reader = new BinaryReader(stored);
  while (reader.pos < stored.length) {
    const start = reader.pos;
    const [field, wireType] = reader.tag();
    reader.skip(wireType, field);
    if (field === messageField) {
      return [stored.subarray(start, reader.pos)];
    }
  }
  return [];
}

function transcode(batch: Batch, partsOf: PartsOf): Uint8Array {
  const { bytes } = batch;
  const target = new Uint8Array(bytes.length + batch.count * added.length);
  let end = 0;
  for (let offset = 0; offset < bytes.length; ) {
    const start = offset + envelopeHeadLength;
    offset = start + envelopeLength(bytes, offset);
    const head = end;
    end += envelopeHeadLength;
    for (const part of partsOf(bytes.subarray(start, offset))) {
      target.set(part, end);
      end += part.length;
    }
    writeEnvelopeHead(target, head, end - head - envelopeHeadLength);
  }
  return target.subarray(0, end);
}
