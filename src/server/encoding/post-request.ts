import { envelopePrefixLength, writeEnvelopePrefix } from "./envelope.js";
import { bytesSize, bytesTag, writeText } from "./fields.js";

/* Fields that all posting requests share. */
const messageTag = bytesTag(1);
const roomTag = bytesTag(3);

/**
 * Posting requests with these texts, each in its envelope.
 *
 * @param room a valid name, all ASCII; empty for `main`
 */
export function encodePosts(texts: readonly string[], room: string): Uint8Array {
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const roomSize = room === "" ? 0 : bytesSize(room.length);
  const bodySize = (length: number) => bytesSize(length) + roomSize;
  const size = lengths.reduce((sum, length) => sum + envelopePrefixLength + bodySize(length), 0);
  const target = Buffer.allocUnsafe(size);
  let at = 0;
  for (const [i, text] of texts.entries()) {
    const length = lengths[i]!;
    writeEnvelopePrefix(target, at, bodySize(length));
    at = writeText(target, at + envelopePrefixLength, messageTag, text, length);
    if (room !== "") {
      at = writeText(target, at, roomTag, room, room.length);
    }
  }
  return target;
}
