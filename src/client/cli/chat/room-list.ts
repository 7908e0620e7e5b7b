import type { RoomsResponse } from "../../../gen/chatter_pb.js";
import { isRoomName } from "../../../protocol/rooms.js";
import type { Call } from "../call.js";

/** Maximum number of rooms that a chat lists. */
export const maxListed = 100;
/** How long a list may take, in milliseconds: the user waits at the keyboard. */
const timeoutMs = 5_000;

/** The first rooms whose names begin with a text, by name. Rejects as the call does. */
export async function listRooms(
  { client, signal }: Call,
  prefix: string,
): Promise<readonly RoomsResponse[]> {
  const rooms: RoomsResponse[] = [];
  const request = { prefix, limit: maxListed };
  for await (const room of client.rooms(request, { signal, timeoutMs })) {
    if (isRoomName(room.room)) {
      rooms.push(room);
    }
  }
  return rooms;
}
