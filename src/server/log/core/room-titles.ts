import { roomOf, roomTitle } from "../../../protocol/rooms.js";
import type { RoomsQuery } from "../message-log.js";

/** The titles of the rooms that a query selects, in order. */
export function selectTitles(
  rooms: Iterable<string>,
  { rooms: selection, prefix, after, limit }: RoomsQuery,
): string[] {
  const titles: string[] = [];
  for (const room of rooms) {
    const title = roomTitle(room);
    if (title > after && title.startsWith(prefix) && selection.has(roomOf(title))) {
      titles.push(title);
    }
  }
  // By UTF-16 code units; in ASCII, these are the bytes.
  return titles.sort().slice(0, limit);
}
