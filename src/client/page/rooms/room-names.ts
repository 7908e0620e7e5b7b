import { mainRoom } from "../../../protocol/rooms.js";

/** The order of the list: `main`, then by name. */
export function compareRooms(a: string, b: string): number {
  if (a === b) {
    return 0;
  }
  if (a === mainRoom || b === mainRoom) {
    return a === mainRoom ? -1 : 1;
  }
  return a < b ? -1 : 1;
}

/** A number of unread messages, shortened to fit. */
export function countText(unread: number): string {
  return unread > 999 ? "999+" : String(unread);
}
