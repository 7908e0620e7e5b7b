import { mainRoom } from "../../../protocol/rooms.js";

/** What a user may do in a room: read and post, read only, or neither. */
export type RoomAccess = "post" | "read" | "none";

/** The scopes of a token, as far as the page needs them: the server decides. */
export class Rights {
  readonly #read: readonly string[];
  readonly #write: readonly string[];

  constructor(scopes: readonly string[]) {
    this.#write = patternsOf(scopes, "stream:write");
    this.#read = [...patternsOf(scopes, "stream:read"), ...this.#write];
  }

  /** The rights in a token; none if it cannot be parsed. */
  static of(token: string): Rights {
    try {
      const payload = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
      return new Rights(JSON.parse(atob(payload)).scopes);
    } catch {
      return new Rights([]);
    }
  }

  /** Whether the user may read a room, by its title. */
  mayRead(room: string): boolean {
    return this.#read.some((pattern) => covers(pattern, room));
  }

  /** What the user may do in a room, by its title. */
  accessTo(room: string): RoomAccess {
    if (this.#write.some((pattern) => covers(pattern, room))) {
      return "post";
    }
    return this.mayRead(room) ? "read" : "none";
  }

  /** The room to open if the address has none: `main`, or one that the token names. */
  get firstRoom(): string | undefined {
    return this.mayRead(mainRoom) ? mainRoom : this.#read.find((pattern) => !pattern.endsWith("*"));
  }
}

/** The names and patterns of rooms that a scope names; `*` for the scope alone. */
function patternsOf(scopes: readonly string[], scope: string): string[] {
  return scopes
    .filter((each) => each === scope || each.startsWith(`${scope}:`))
    .map((each) => each.slice(scope.length + 1) || "*");
}

function covers(pattern: string, room: string): boolean {
  return pattern.endsWith("*") ? room.startsWith(pattern.slice(0, -1)) : room === pattern;
}
