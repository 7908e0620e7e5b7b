import fc from "fast-check";
import { RoomSelection } from "../../../src/server/rooms/room-selection.js";

const titles = ["main", "a", "a/b", "a/b/c", "a/bc", "ab", "team/x", "team/y", "z"];
const patterns = ["*", "a/*", "a/b/*", "team/*", "nobody/*"];

/** The title of one of a few rooms, some of which lie below others. */
export const someRoom: fc.Arbitrary<string> = fc.constantFrom(...titles);

/** One room, several, or patterns, of those and of others that do not exist. */
export const anySelection: fc.Arbitrary<RoomSelection> = fc
  .array(fc.constantFrom(...titles, ...titles, ...patterns, "nobody"), {
    minLength: 1,
    maxLength: 4,
  })
  .map((rooms) => RoomSelection.of(rooms));
