import { isRoomName, roomRule } from "../../../protocol/rooms.js";

/** A line that the user has typed into a chat. */
export type Typed =
  | { readonly kind: "post"; readonly text: string }
  | { readonly kind: "enter"; readonly room: string }
  | { readonly kind: "list" }
  /** The line is not used: says why. */
  | { readonly kind: "fault"; readonly text: string };

const roomCommand = "/room";
const help = `${roomCommand} NAME goes to a room, ${roomCommand} lists them; to post a line that begins with "/", type "//"`;

/** Parses a typed line: words that begin with "/" are commands, and are never posted. */
export function parseTyped(line: string): Typed {
  if (!line.startsWith("/") || line.startsWith("//")) {
    return { kind: "post", text: line.startsWith("//") ? line.slice(1) : line };
  }
  const [command = "", ...words] = line.trim().split(/\s+/);
  const room = words.join(" ");
  if (command !== roomCommand) {
    return { kind: "fault", text: `${command} is not a command: ${help}` };
  }
  if (room === "") {
    return { kind: "list" };
  }
  return isRoomName(room)
    ? { kind: "enter", room }
    : { kind: "fault", text: `${room} is not the name of a room: ${roomRule}` };
}

/** A line that posts the text, also if it looks like a command. */
export function asPost(text: string): string {
  return text.startsWith("/") ? `/${text}` : text;
}

/**
 * What could come where a typed line ends, and the part of the line that it replaces.
 *
 * @param findRooms lists the rooms whose names begin with a text
 */
export async function completeTyped(
  line: string,
  findRooms: (prefix: string) => Promise<readonly string[]>,
): Promise<[string[], string]> {
  const [, prefix] = /^\/room +(\S*)$/.exec(line) ?? [];
  if (prefix !== undefined) {
    return [[...(await findRooms(prefix))], prefix];
  }
  const isCommand = line !== "" && roomCommand.startsWith(line);
  return [isCommand ? [`${roomCommand} `] : [], line];
}
