import type { ConnectError } from "@connectrpc/connect";
import { isRoomName, isRoomPattern, patternRule, roomRule } from "../../protocol/rooms.js";
import { RoomSelection } from "../rooms/room-selection.js";
import type { Identity } from "./auth.js";
import { invalidScopes, invalidScopesForRoom, unknownRoomScope, unknownScope } from "./errors.js";

/** The permissions of an account or a token in every room. */
export const scopes = ["stream:read", "stream:write"] as const;

/** A scope for every room. */
export type FullScope = (typeof scopes)[number];

/**
 * A permission of an account or a token, as in the token's claim. `stream:read`: read-only access.
 * `stream:write`: read and write access, so `stream:read` is not needed with it. With a room or a
 * pattern, such as `stream:read:team/*`: in these rooms only.
 */
export type Scope = FullScope | `${FullScope}:${string}`;

/** The rooms that a caller may read, and those that it may write. */
export interface RoomRights {
  readonly read: RoomSelection;
  readonly write: RoomSelection;
}

const rightsOf = new WeakMap<readonly string[], RoomRights>();

/** Parses the scopes of a token; words that are not scopes allow nothing. */
export function roomRights({ scopes: list }: Pick<Identity, "scopes">): RoomRights {
  let rights = rightsOf.get(list);
  if (rights === undefined) {
    const parsed = list.map(parseScope).filter((scope) => scope !== undefined);
    const write = parsed.filter(({ scope }) => scope === "stream:write");
    rights = {
      read: RoomSelection.of(parsed.map(({ rooms }) => rooms)),
      write: RoomSelection.of(write.map(({ rooms }) => rooms)),
    };
    rightsOf.set(list, rights);
  }
  return rights;
}

/**
 * Throws `permission_denied` ("invalid scopes in token") if the caller does not have the scope for
 * any room.
 */
export function requireScope(identity: Pick<Identity, "scopes">, scope: FullScope): void {
  const { read, write } = roomRights(identity);
  if ((scope === "stream:read" ? read : write).isNone) {
    throw missingScope();
  }
}

/** The error of a missing scope. For `main`, or without a room, its text names no room. */
export function missingScope(room = ""): ConnectError {
  return room === "" ? invalidScopes() : invalidScopesForRoom({ room });
}

/**
 * The same list, known to hold scopes only; an empty list allows nothing. Throws
 * `invalid_argument` naming the first that is not a valid scope.
 */
export function checkScopes(list: readonly string[]): readonly Scope[] {
  const stranger = list.find((name) => parseScope(name) === undefined);
  if (stranger !== undefined) {
    const isOfRooms = scopes.some((scope) => stranger.startsWith(`${scope}:`));
    const scope = JSON.stringify(stranger);
    throw isOfRooms
      ? unknownRoomScope({ scope, rules: `${roomRule}; ${patternRule}` })
      : unknownScope({ scope, scopes: scopes.join(" and ") });
  }
  return list as readonly Scope[];
}

/** Whether a text is a scope. */
export function isScope(text: unknown): text is Scope {
  return typeof text === "string" && parseScope(text) !== undefined;
}

/** The right in a scope, and its rooms; undefined if the text is not a scope. */
function parseScope(text: string): { scope: FullScope; rooms: string } | undefined {
  for (const scope of scopes) {
    if (text === scope) {
      return { scope, rooms: "*" };
    }
    const rooms = text.slice(scope.length + 1);
    if (text.startsWith(`${scope}:`) && (isRoomName(rooms) || isRoomPattern(rooms))) {
      return { scope, rooms };
    }
  }
  return undefined;
}
