import { roomOf } from "../../../src/protocol/rooms.js";
import type { RoomSelection } from "../../../src/server/rooms/room-selection.js";
import type { RoomMessage } from "../../support/room-messages.js";

/** A log as a plain array: every engine is compared with it. */
export class PlainLog {
  readonly messages: RoomMessage[] = [];

  /** Those that are selected, after a sequence and up to another. */
  select(rooms: RoomSelection, after = 0, through = Number.POSITIVE_INFINITY): RoomMessage[] {
    return this.messages.filter(
      ({ room, sequence }) => rooms.has(roomOf(room)) && sequence > after && sequence <= through,
    );
  }

  /** What `roomList` gives. */
  rooms(rooms: RoomSelection, since = Number.POSITIVE_INFINITY) {
    const names = [...new Set(this.select(rooms).map(({ room }) => room))].sort();
    return names.map((room) => {
      const own = this.messages.filter((message) => message.room === room);
      const countSince = own.filter(({ sequence }) => sequence > since).length;
      return { room, count: own.length, last: own.at(-1)!.sequence, countSince };
    });
  }

  /** Drops what is before a sequence. */
  dropBefore(first: number): void {
    const kept = this.messages.findIndex(({ sequence }) => sequence >= first);
    this.messages.splice(0, kept < 0 ? this.messages.length : kept);
  }
}
