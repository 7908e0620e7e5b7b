/* What the recorded program and the test that looks at it both know. */

/** Bytes of a file of the log. */
export const segmentBytes = 16 * 1024;

/** How many messages retention keeps. */
export const keptMessages = 60;

/** The room that a text is posted to; empty for `main`. */
export function recordedRoom(text: string): string {
  return ["", "a", "b/c"][text.length % 3]!;
}

/** The id that a text is posted with; every second one has none. */
export function recordedId(text: string): string {
  return text.length % 2 === 0 ? text.slice(0, 12).trimEnd() : "";
}
