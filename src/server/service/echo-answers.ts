import { cursorLength, writeCursor } from "../log/cursor.js";
import { envelopeHeadLength, writeEnvelopeHead } from "./envelope.js";
import type { Stored } from "./posting.js";

const messageTag = 0x0a;
const sequenceTag = 0x10;
const messageIdTag = 0x1a;
const cursorTag = 0x22;

/** A run of answers is handed to the wire when it has so many bytes. */
const runBytes = 64 * 1024;
/** Most bytes of an answer beside its two texts: envelope, tags, lengths, sequence, cursor. */
const overhead = envelopeHeadLength + 4 + 3 * 4 + 8 + cursorLength;

/** Encodes the EchoerResponses of stored posts, in envelopes, in runs of about 64 KiB. */
export function* encodeAnswers(identity: string, stored: Stored): Generator<Uint8Array> {
  let target = Buffer.allocUnsafe(0);
  let end = 0;
  /** At most so many bytes are still to come: a run of one short answer is a short one. */
  let left = 0;
  for (const { message, messageId } of stored.posts) {
    left += overhead + 3 * (message.length + messageId.length);
  }
  for (const [i, { message, messageId }] of stored.posts.entries()) {
    const messageLength = Buffer.byteLength(message);
    const idLength = Buffer.byteLength(messageId);
    const most = overhead + messageLength + idLength;
    if (target.length - end < most) {
      if (end > 0) {
        yield target.subarray(0, end);
      }
      target = Buffer.allocUnsafe(Math.max(Math.min(runBytes, left), most));
      end = 0;
    }
    left -= overhead + 3 * (message.length + messageId.length);
    const { sequence } = stored.positions[i]!;
    const head = end;
    end += envelopeHeadLength;
    end = writeString(target, end, messageTag, message, messageLength);
    target[end++] = sequenceTag;
    end = writeVarint(target, end, sequence);
    if (idLength > 0) {
      end = writeString(target, end, messageIdTag, messageId, idLength);
    }
    target[end++] = cursorTag;
    target[end++] = cursorLength;
    writeCursor(target, end, identity, sequence);
    end += cursorLength;
    writeEnvelopeHead(target, head, end - head - envelopeHeadLength);
  }
  if (end > 0) {
    yield target.subarray(0, end);
  }
}

function writeString(
  target: Buffer,
  offset: number,
  tag: number,
  text: string,
  length: number,
): number {
  target[offset] = tag;
  const start = writeVarint(target, offset + 1, length);
  target.write(text, start, length, "utf8");
  return start + length;
}

function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  while (rest > 127) {
    target[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  target[at++] = rest;
  return at;
}
