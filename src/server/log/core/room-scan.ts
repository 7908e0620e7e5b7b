import { type Batch, selectRooms, sliceBatch } from "../../encoding/batch.js";
import type { RoomSelection } from "../../rooms/room-selection.js";

/**
 * The next messages of some rooms, filtered from those of all rooms.
 *
 * @param read the next messages of all rooms after a sequence
 * @param through the last sequence to read
 */
export async function scanRooms(
  read: (after: number) => Batch | undefined | Promise<Batch | undefined>,
  after: number,
  through: number,
  rooms: RoomSelection,
): Promise<Batch | undefined> {
  for (let at = after; at < through; ) {
    const batch = await read(at);
    if (batch === undefined) {
      return undefined;
    }
    const found = selectRooms(batch, (room) => rooms.has(room));
    const wanted = found && sliceBatch(found, after, through);
    if (wanted !== undefined) {
      return wanted;
    }
    at = batch.last;
  }
  return undefined;
}
