import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { MethodImpl } from "@connectrpc/connect";
import { type ChatterService, RoomsResponseSchema } from "../../gen/chatter_pb.js";
import { isRoomPrefix, maxRoomLength, roomTitle } from "../../protocol/rooms.js";
import { roomRights } from "../auth/scopes.js";
import type { MessageLog, RoomState } from "../log/message-log.js";
import { callerOf } from "./call/context.js";
import { invalidRoomPrefix } from "./errors.js";
import { resolveCursor } from "./reading/resolve-cursor.js";

/** Maximum number of rooms in one query of the log. */
const pageSize = 1000;

/** Rooms: lists the rooms that the caller may read, in the order of their names. */
export function createRooms(log: MessageLog): MethodImpl<typeof ChatterService.method.rooms> {
  return async function* rooms({ prefix, after, limit, since }, context) {
    checkName("prefix", prefix);
    checkName("after", after);
    const query = {
      rooms: roomRights(callerOf(context)).read,
      prefix,
      since: since === "" ? undefined : await resolveCursor(log, since, "since"),
      signal: context.signal,
    };
    let left = limit === 0 ? Number.POSITIVE_INFINITY : limit;
    for (let last = after; left > 0; ) {
      context.signal.throwIfAborted();
      const wanted = Math.min(pageSize, left);
      const page = await log.rooms({ ...query, after: last, limit: wanted });
      yield* page.map(toResponse);
      if (page.length < wanted) {
        return;
      }
      left -= page.length;
      last = roomTitle(page.at(-1)!.room);
    }
  };
}

function toResponse({ room, count, last, lastAt, countSince }: RoomState) {
  return create(RoomsResponseSchema, {
    room: roomTitle(room),
    messages: BigInt(count),
    lastSequence: BigInt(last),
    lastAt: timestampFromMs(lastAt),
    messagesSince: BigInt(countSince),
  });
}

/** A prefix, or a position in the list, need not be a valid name. */
function checkName(field: string, text: string): void {
  if (!isRoomPrefix(text)) {
    throw invalidRoomPrefix({ field, most: maxRoomLength });
  }
}
