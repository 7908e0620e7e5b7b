/*
 * Rooms: named parts of the log. An empty name stands for the room "main"; clients that do not know
 * rooms post to it and read it.
 */

/** The name of the room that an empty name stands for. */
export const mainRoom = "main";

/** Maximum length of a room's name in characters. */
export const maxRoomLength = 128;

/** Maximum number of rooms and patterns that one call can select. */
export const maxSelectedRooms = 1000;

/** The rule for names of rooms, for error texts. */
export const roomRule = `a room has 1 to ${maxRoomLength} characters: A-Z, a-z, 0-9, "_" and "-", with "/" between segments, such as team/alpha`;

/** The rule for patterns of rooms, for error texts. */
export const patternRule = `a pattern is "*" for every room or ends in "/*" for those below a name, such as team/*`;

const name = /^[\w-]+(?:\/[\w-]+)*$/;

/** Whether a text is the name of a room. */
export function isRoomName(text: string): boolean {
  return text.length <= maxRoomLength && name.test(text);
}

/** Whether a text is a pattern that selects rooms: `*`, or a name and `/*`. */
export function isRoomPattern(text: string): boolean {
  return text === "*" || (text.endsWith("/*") && isRoomName(text.slice(0, -2)));
}

/** Whether a text has only what may be in a room's name: it may be the beginning of one. */
export function isRoomPrefix(text: string): boolean {
  return text.length <= maxRoomLength && /^[\w/-]*$/.test(text);
}

/** The name as people read it: `main` for the empty one. */
export function roomTitle(room: string): string {
  return room === "" ? mainRoom : room;
}

/** The name as it is sent and stored: empty for `main`. */
export function roomOf(title: string): string {
  return title === mainRoom ? "" : title;
}
