import { Code, ConnectError } from "@connectrpc/connect";
import type { NewMessage } from "../log/message-log.js";

/** A message of a posting stream: what the three request messages have in common. */
export interface Post {
  /** 1 to `maxTextBytes` bytes of UTF-8. */
  readonly message: string;
  /** 0 to 128 bytes of UTF-8. */
  readonly messageId: string;
}

const messageTag = 0x0a;
const messageIdTag = 0x12;

/**
 * Reads a ListenerRequest, SummaryRequest or EchoerRequest, which have the same fields:
 * many times as fast as by reflection. Null for anything but the two known fields, each at
 * most once, with lengths under 2 MiB and valid UTF-8.
 */
export function decodePost(bytes: Uint8Array): Post | null {
  let message: string | undefined;
  let messageId: string | undefined;
  for (let offset = 0; offset < bytes.length; ) {
    const tag = bytes[offset++];
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[offset++];
      if (byte === undefined || shift > 14) {
        return null;
      }
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        break;
      }
    }
    const end = offset + length;
    if (end > bytes.length) {
      return null;
    }
    const text = utf8(bytes, offset, end);
    if (text === null) {
      return null;
    }
    if (tag === messageTag && message === undefined) {
      message = text;
    } else if (tag === messageIdTag && messageId === undefined) {
      messageId = text;
    } else {
      return null;
    }
    offset = end;
  }
  return { message: message ?? "", messageId: messageId ?? "" };
}

function utf8(bytes: Uint8Array, start: number, end: number): string | null {
  const text = Buffer.prototype.utf8Slice.call(bytes, start, end);
  // U+FFFD may be a bad byte: the generated schema decides.
  return text.includes("\ufffd") ? null : text;
}

/** Most bytes of UTF-8 in a message_id. */
export const maxMessageIdBytes = 128;

/** What is wrong with a post: `invalid_argument` naming the field and the limit. */
function faultOf(post: Post, maxTextBytes: number): ConnectError | undefined {
  const right = () => `it must have 1 to ${maxTextBytes.toLocaleString("en")} bytes of UTF-8`;
  if (post.message === "") {
    return invalid(`message is empty: ${right()}`);
  }
  if (longerThan(post.message, maxTextBytes)) {
    return invalid(`message has ${Buffer.byteLength(post.message)} bytes: ${right()}`);
  }
  if (post.messageId !== "" && longerThan(post.messageId, maxMessageIdBytes)) {
    return invalid(
      `message_id has ${Buffer.byteLength(post.messageId)} bytes: it must have at most 128 bytes of UTF-8`,
    );
  }
  return undefined;
}

/** The posts up to the first one at fault, ready for the log, and the fault. */
export function checkPosts(
  posts: readonly Post[],
  sender: string,
  maxTextBytes: number,
): { messages: NewMessage[]; fault: ConnectError | undefined } {
  const messages: NewMessage[] = [];
  for (const post of posts) {
    const fault = faultOf(post, maxTextBytes);
    if (fault) {
      return { messages, fault };
    }
    messages.push({ text: post.message, sender, messageId: post.messageId });
  }
  return { messages, fault: undefined };
}

/** Counts bytes only where the number of characters leaves a doubt. */
function longerThan(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes;
}

function invalid(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}
