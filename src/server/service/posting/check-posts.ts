import type { ConnectError } from "@connectrpc/connect";
import { isRoomName, maxRoomLength, roomOf, roomRule } from "../../../protocol/rooms.js";
import type { Identity } from "../../auth/auth.js";
import { missingScope, type RoomRights, roomRights } from "../../auth/scopes.js";
import type { Post } from "../../encoding/post-request.js";
import type { NewMessage } from "../../log/message-log.js";
import { emptyMessage, invalidRoom, longMessage, longMessageId, secondRoom } from "../errors.js";

/** Maximum length of a message_id, in bytes of UTF-8. */
export const maxMessageIdBytes = 128;

/** The maximum length of a text, in bytes of UTF-8. */
export interface TextBytes {
  readonly min: 0 | 1;
  readonly max: number;
}

/**
 * The error of an invalid post: `invalid_argument` naming the field and the limit, or
 * `permission_denied` naming the room.
 */
function faultOf(
  post: Post,
  { min, max }: TextBytes,
  rights: RoomRights,
): ConnectError | undefined {
  const range = () => ({ least: min, most: max.toLocaleString("en") });
  if (post.message.length < min) {
    return emptyMessage(range());
  }
  if (longerThan(post.message, max)) {
    return longMessage({ bytes: Buffer.byteLength(post.message), ...range() });
  }
  if (post.messageId !== "" && longerThan(post.messageId, maxMessageIdBytes)) {
    return longMessageId({ bytes: Buffer.byteLength(post.messageId), most: maxMessageIdBytes });
  }
  return roomFault(post.room, rights);
}

/** The error of a post's room. */
function roomFault(title: string, { write }: RoomRights): ConnectError | undefined {
  if (title !== "" && !isRoomName(title)) {
    return invalidRoom({ room: JSON.stringify(title.slice(0, 2 * maxRoomLength)), rule: roomRule });
  }
  return write.has(roomOf(title)) ? undefined : missingScope(roomOf(title));
}

/**
 * Checks that the caller may post to the one room that a call names for all its posts. Throws
 * `invalid_argument` if the call names several or the name is not valid, `permission_denied`
 * without the scope.
 */
export function requirePostRoom(
  [title = "", ...others]: readonly string[],
  caller: Pick<Identity, "scopes">,
): void {
  const fault =
    others.length > 0
      ? secondRoom({ times: others.length + 1 })
      : roomFault(title, roomRights(caller));
  if (fault) {
    throw fault;
  }
}

/** The posts before the first invalid one, ready for the log, and the error of that one. */
export function checkPosts(
  posts: readonly Post[],
  caller: Pick<Identity, "subject" | "scopes">,
  textBytes: TextBytes,
): { messages: NewMessage[]; fault: ConnectError | undefined } {
  const messages: NewMessage[] = [];
  const sender = caller.subject;
  const rights = roomRights(caller);
  for (const post of posts) {
    const fault = faultOf(post, textBytes, rights);
    if (fault) {
      return { messages, fault };
    }
    const room = roomOf(post.room);
    messages.push({ text: post.message, sender, messageId: post.messageId, room });
  }
  return { messages, fault: undefined };
}

/** Counts bytes only if the number of characters does not decide. */
function longerThan(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes;
}
