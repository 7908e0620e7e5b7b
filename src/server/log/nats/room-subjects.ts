import { isRoomName, mainRoom } from "../../../protocol/rooms.js";
import type { RoomSelection } from "../../rooms/room-selection.js";

/*
 * Each room has a subject of its own. The subject of `main` is the base, which the log had before
 * there were rooms; that of any other room is the base, a dot, and the room's name with dots
 * between its segments. No segment contains a dot or a wildcard, so no two rooms share a subject.
 */

/** The subject of the messages of a room; the room is empty for `main`. */
export function subjectOf(base: string, room: string): string {
  return room === "" ? base : `${base}.${room.replaceAll("/", ".")}`;
}

/** The room of a subject of the log; undefined if the subject belongs to no room. */
export function roomOfSubject(base: string, subject: string): string | undefined {
  if (subject === base) {
    return "";
  }
  const name = subject.slice(base.length + 1).replaceAll(".", "/");
  const isRoom = isRoomName(name) && name !== mainRoom && subjectOf(base, name) === subject;
  return isRoom ? name : undefined;
}

/** Matches the subjects of all rooms but `main`. */
export function wildcardOf(base: string): string {
  return `${base}.>`;
}

/** Filters that match the subjects of the rooms, and no others; they do not overlap. */
export function filtersOf(base: string, rooms: RoomSelection): string[] {
  return [
    ...[...rooms.names].map((room) => subjectOf(base, room)),
    ...[...rooms.prefixes].flatMap((prefix) =>
      prefix === "" ? [base, wildcardOf(base)] : `${subjectOf(base, prefix)}>`,
    ),
  ];
}

/**
 * The subject of `main` in a stream with these subjects; undefined if they cannot be those of a
 * log.
 */
export function baseOf(subjects: readonly string[]): string | undefined {
  const [base, ...others] = subjects.filter((subject) => !/[*>]/.test(subject));
  const isLog =
    base !== undefined &&
    others.length === 0 &&
    subjects.every((subject) => subject === base || subject === wildcardOf(base));
  return isLog ? base : undefined;
}
