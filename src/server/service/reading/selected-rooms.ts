import type { HandlerContext } from "@connectrpc/connect";
import {
  isRoomName,
  isRoomPattern,
  maxRoomLength,
  maxSelectedRooms,
  patternRule,
  roomOf,
  roomRule,
} from "../../../protocol/rooms.js";
import type { Identity } from "../../auth/auth.js";
import { missingScope, roomRights } from "../../auth/scopes.js";
import { RoomSelection } from "../../rooms/room-selection.js";
import { callerOf, unreadKey } from "../call/context.js";
import { invalidPattern, invalidRoom, manyRooms } from "../errors.js";

/** A selection up to this size costs no more than the rest of its call. */
const freeBytes = 4096;

/**
 * The rooms that a request selects, counted among what its user may hold until the call is over.
 *
 * Throws as `selectRooms` does, and `resource_exhausted` if the user holds too much.
 */
export function selectedRooms(rooms: readonly string[], context: HandlerContext): RoomSelection {
  const selection = selectRooms(rooms, callerOf(context));
  if (selection.bytes > freeBytes) {
    const tooMuch = context.values.get(unreadKey).add(selection.bytes);
    if (tooMuch) {
      throw tooMuch;
    }
  }
  return selection;
}

/**
 * The rooms that a request selects. The token must cover each name; a pattern selects those of its
 * rooms that the token covers. Without names and patterns, the request selects `main`.
 *
 * Throws `invalid_argument` if a name or pattern is not valid or there are too many of them,
 * `permission_denied` if the token does not cover a name, or no room of a pattern.
 */
function selectRooms(rooms: readonly string[], caller: Pick<Identity, "scopes">): RoomSelection {
  if (rooms.length > maxSelectedRooms) {
    throw manyRooms({ count: rooms.length, most: maxSelectedRooms });
  }
  const { read } = roomRights(caller);
  if (rooms.length === 0) {
    if (!read.has("")) {
      throw missingScope();
    }
    return RoomSelection.main;
  }
  for (const room of rooms) {
    if (room !== "" && !isRoomName(room) && !isRoomPattern(room)) {
      const shown = JSON.stringify(room.slice(0, 2 * maxRoomLength));
      throw room.includes("*")
        ? invalidPattern({ pattern: shown, rule: patternRule })
        : invalidRoom({ room: shown, rule: roomRule });
    }
  }
  const wanted = RoomSelection.of(rooms);
  if (read.isAll) {
    return wanted;
  }
  // Not as selections, which would be slow: there may be a thousand names, and as many scopes.
  const missing = rooms.find((room) =>
    room.endsWith("*") ? !read.meets(room.slice(0, -1)) : !read.has(roomOf(room)),
  );
  if (missing !== undefined) {
    throw missingScope(roomOf(missing));
  }
  return wanted.and(read);
}
