import { mainRoom } from "../../../../../protocol/rooms.js";
import type { RoomEntry } from "./page.js";

/** The state of all rooms at a position of the log. */
export interface RoomDirectory {
  /** The state of a room; undefined if it had no kept messages. */
  find(title: string): Promise<RoomEntry | undefined>;
  /** The entries from a title on, in order, a few at a time. */
  entriesFrom(title: string): AsyncIterable<readonly RoomEntry[]>;
}

/** A directory without rooms. */
export const noRooms = {
  find: async () => undefined,
  async *entriesFrom(): AsyncGenerator<readonly RoomEntry[], void> {},
} satisfies RoomDirectory;

/** The directory of a log that has no room but `main`: all its messages are in that. */
export class MainDirectory implements RoomDirectory {
  readonly #entry: RoomEntry | undefined;

  /**
   * @param serial the segment that ends at this position
   * @param last sequence of the last message
   * @param lastAt when the log stored it
   */
  constructor(serial: number, last: number, lastAt: number) {
    if (last > 0) {
      const total = last;
      this.#entry = {
        ...{ title: mainRoom, total, last, lastAt, born: 1, serial },
        ...{ firstPosting: 0, postings: 0 },
      };
    }
  }

  async find(title: string): Promise<RoomEntry | undefined> {
    return title === mainRoom ? this.#entry : undefined;
  }

  async *entriesFrom(title: string): AsyncGenerator<readonly RoomEntry[], void> {
    if (this.#entry !== undefined && title <= mainRoom) {
      yield [this.#entry];
    }
  }
}
