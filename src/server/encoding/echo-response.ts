import { roomOf } from "../../protocol/rooms.js";
import { cursorLength } from "./cursor.js";
import { envelopePrefixLength, writeEnvelopePrefix } from "./envelope.js";
import { bytesTag, numberTag, writeNumber, writeText } from "./fields.js";
import { writeCursorField } from "./stored-message.js";

/** How the fields of an EchoerResponse begin. */
const tags = {
  message: bytesTag(1),
  sequence: numberTag(2),
  messageId: bytesTag(3),
  cursor: bytesTag(4),
  room: bytesTag(5),
} as const;

/** Stored posts, and the position of each. */
interface StoredPosts {
  readonly posts: readonly {
    readonly message: string;
    readonly messageId: string;
    /** Empty or "main" for `main`. */
    readonly room: string;
  }[];
  readonly positions: readonly { readonly sequence: number }[];
}

/** A chunk of responses is passed to the wire when it has this many bytes. */
const runBytes = 64 * 1024;
/** Maximum size of a response besides its two texts: envelope, tags, lengths, sequence, cursor. */
const overhead = envelopePrefixLength + 5 + 2 + 3 * 4 + 8 + cursorLength;

/** Encodes the EchoerResponses of stored posts, in envelopes, in chunks of about 64 KiB. */
export function* encodeEchoes(identity: string, stored: StoredPosts): Generator<Uint8Array> {
  let target = Buffer.allocUnsafe(0);
  let end = 0;
  /** At most this many bytes are still to come: the chunk of one short response is short. */
  let left = 0;
  for (const { message, messageId, room } of stored.posts) {
    left += overhead + 3 * (message.length + messageId.length) + room.length;
  }
  for (const [i, { message, messageId, room: title }] of stored.posts.entries()) {
    const room = roomOf(title);
    const messageLength = Buffer.byteLength(message);
    const idLength = Buffer.byteLength(messageId);
    const most = overhead + messageLength + idLength + room.length;
    if (target.length - end < most) {
      if (end > 0) {
        yield target.subarray(0, end);
      }
      target = Buffer.allocUnsafe(Math.max(Math.min(runBytes, left), most));
      end = 0;
    }
    left -= overhead + 3 * (message.length + messageId.length) + title.length;
    const { sequence } = stored.positions[i]!;
    const header = end;
    end += envelopePrefixLength;
    end = writeText(target, end, tags.message, message, messageLength);
    end = writeNumber(target, end, tags.sequence, sequence);
    if (idLength > 0) {
      end = writeText(target, end, tags.messageId, messageId, idLength);
    }
    end = writeCursorField(target, end, tags.cursor, identity, sequence);
    if (room !== "") {
      end = writeText(target, end, tags.room, room, room.length);
    }
    writeEnvelopePrefix(target, header, end - header - envelopePrefixLength);
  }
  if (end > 0) {
    yield target.subarray(0, end);
  }
}
