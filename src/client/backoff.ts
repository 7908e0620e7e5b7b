/** The first pause is at most this long, in milliseconds. */
const firstPauseMs = 200;
/** No pause is longer than this, in milliseconds. */
const longestPauseMs = 10_000;

/**
 * How long to wait before the next attempt, in milliseconds: anything from 0 to a limit that
 * doubles with each failure, from 200 ms up to 10 s. It is completely random ("full jitter"), so
 * that the clients of a server that went down do not return at the same moment.
 *
 * @param failures failed attempts in a row, from 1
 */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  return random() * Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - 1));
}
