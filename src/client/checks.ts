import type { ConnectError } from "@connectrpc/connect";
import {
  isRoomName,
  isRoomPattern,
  maxSelectedRooms,
  patternRule,
  roomRule,
} from "../protocol/rooms.js";
import {
  invalidCount,
  invalidPattern,
  invalidRoom,
  invalidText,
  manyRooms,
  roomsNotAList,
} from "./errors.js";

/* Checks of what callers pass, before it is sent: a mistake is reported at once. */

/** Maximum length of a text, in bytes of UTF-8. */
const maxTextBytes = 65_536;

/**
 * The error of an invalid text: `invalid_argument`. The server would end the stream because of it.
 */
export function textFault(text: string): ConnectError | undefined {
  if (typeof text !== "string") {
    return invalidText({ fault: `is not a string but ${typeof text}` });
  }
  if (text === "") {
    return invalidText({ fault: "is empty" });
  }
  if (/\p{Surrogate}/u.test(text)) {
    return invalidText({ fault: "has half a surrogate pair, which is not a character" });
  }
  if (text.length * 3 > maxTextBytes) {
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > maxTextBytes) {
      return invalidText({ fault: `has ${bytes} bytes` });
    }
  }
  return undefined;
}

/** The error of an invalid name of a room: `invalid_argument`. */
export function roomFault(room: string): ConnectError | undefined {
  return room === "" || (typeof room === "string" && isRoomName(room))
    ? undefined
    : invalidRoom({ room: shown(room), rule: roomRule });
}

/** The same name. Throws a RangeError if it is not a valid name of a room. */
export function checkRoom(room: string): string {
  const fault = roomFault(room);
  if (fault) {
    throw new RangeError(fault.rawMessage);
  }
  return room;
}

/** A copy of names and patterns. Throws a RangeError if one is not valid or there are too many. */
export function checkRooms(rooms: readonly string[]): string[] {
  if (!Array.isArray(rooms)) {
    throw roomsNotAList();
  }
  if (rooms.length > maxSelectedRooms) {
    throw manyRooms({ count: rooms.length, most: maxSelectedRooms });
  }
  return rooms.map((room: unknown) => {
    if (typeof room !== "string" || !room.includes("*")) {
      return checkRoom(room as string);
    }
    if (!isRoomPattern(room)) {
      throw invalidPattern({ room: shown(room), rule: patternRule });
    }
    return room;
  });
}

/**
 * The same number. Throws a RangeError if it is not a whole number from `least` to `most`.
 *
 * @param name the name of the option, for the error
 */
export function checkCount(name: string, count: number, least: number, most?: number): number {
  if (!Number.isSafeInteger(count) || count < least || (most !== undefined && count > most)) {
    const range = most === undefined ? `from ${least}` : `from ${least} to ${most}`;
    throw invalidCount({ name, value: count, range });
  }
  return count;
}

function shown(room: unknown): string {
  return typeof room === "string" ? JSON.stringify(room.slice(0, 200)) : `of type ${typeof room}`;
}
