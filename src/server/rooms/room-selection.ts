import { roomOf, roomTitle } from "../../protocol/rooms.js";

/** What a name or prefix costs besides its characters, in bytes. */
const nameCost = 200;

/**
 * A set of rooms: names, and prefixes that each stand for every room below a name. Rooms are
 * named as they are stored: the empty name is `main`.
 */
export class RoomSelection {
  /** Every room. */
  static readonly all = RoomSelection.of(["*"]);
  /** The room `main` alone. */
  static readonly main = RoomSelection.of([""]);

  /** Equal for equal selections. */
  readonly key: string;
  readonly names: ReadonlySet<string>;
  /**
   * Such as `team/`, which covers `team/alpha` but not `team`; the empty one covers every room.
   * None covers another, nor a name.
   */
  readonly prefixes: ReadonlySet<string>;
  /** Whether every room is selected. */
  readonly isAll: boolean;
  /** The one name that is selected; undefined if there are patterns, or more names or none. */
  readonly single: string | undefined;
  /** The prefixes of every selected name and prefix; made when first needed. */
  #above: ReadonlySet<string> | undefined;

  private constructor(names: readonly string[], prefixes: readonly string[]) {
    this.prefixes = new Set(withoutCovered(prefixes));
    this.names = new Set(names.filter((name) => !isCovered(this.prefixes, name)));
    this.isAll = this.prefixes.has("");
    this.single = this.names.size + this.prefixes.size === 1 ? [...this.names][0] : undefined;
    const patterns = [...this.prefixes].map((prefix) => `${prefix}*`);
    // The title of `main`, so that its key differs from that of no room at all.
    this.key = [...patterns, ...[...this.names].map(roomTitle)].sort().join(" ");
  }

  /**
   * The rooms with these valid names and patterns: `team/alpha`, `team/*`, `*`; `main` or empty.
   */
  static of(rooms: readonly string[]): RoomSelection {
    return new RoomSelection(
      rooms.filter((room) => !room.endsWith("*")).map(roomOf),
      rooms.filter((room) => room.endsWith("*")).map((pattern) => pattern.slice(0, -1)),
    );
  }

  /** Approximate size in memory, with what it costs to follow its rooms, in bytes. */
  get bytes(): number {
    return 2 * this.key.length + nameCost * (this.names.size + this.prefixes.size);
  }

  /** Whether no room can be selected. */
  get isNone(): boolean {
    return this.names.size === 0 && this.prefixes.size === 0;
  }

  /** Whether a room is selected. */
  has(room: string): boolean {
    return this.isAll || this.names.has(room) || isCovered(this.prefixes, room);
  }

  /** Whether a prefix covers any part of the selection, or is covered by it. */
  meets(prefix: string): boolean {
    this.#above ??= new Set(
      [...this.names, ...this.prefixes].flatMap((one) => [...prefixesOf(one)]),
    );
    return isCovered(this.prefixes, prefix) || this.#above.has(prefix);
  }

  /** The rooms that both select. */
  and(other: RoomSelection): RoomSelection {
    const names = (one: RoomSelection, two: RoomSelection) =>
      [...one.names].filter((name) => two.has(name));
    const prefixes = (one: RoomSelection, two: RoomSelection) =>
      [...one.prefixes].filter((prefix) => isCovered(two.prefixes, prefix));
    return new RoomSelection(
      [...names(this, other), ...names(other, this)],
      [...prefixes(this, other), ...prefixes(other, this)],
    );
  }
}

/** The prefixes that cover a room, from the empty one to the longest. */
export function* prefixesOf(room: string): Generator<string> {
  yield "";
  for (let at = room.indexOf("/"); at >= 0; at = room.indexOf("/", at + 1)) {
    yield room.slice(0, at + 1);
  }
}

/** Whether a room, or all that a prefix covers, is covered by one of the prefixes. */
function isCovered(prefixes: ReadonlySet<string>, room: string): boolean {
  if (prefixes.size > 0) {
    for (const prefix of prefixesOf(room)) {
      if (prefixes.has(prefix)) {
        return true;
      }
    }
  }
  return false;
}

/** The prefixes that no other prefix covers. Sorted, a prefix comes before those that it covers. */
function withoutCovered(prefixes: readonly string[]): string[] {
  const kept: string[] = [];
  for (const prefix of [...prefixes].sort()) {
    const last = kept.at(-1);
    if (last === undefined || !prefix.startsWith(last)) {
      kept.push(prefix);
    }
  }
  return kept;
}
