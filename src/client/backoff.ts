/** The first pause is at most this long, in milliseconds. */
const firstPauseMs = 200;
/** No pause is longer than this, in milliseconds. */
const longestPauseMs = 10_000;

/**
 * How long to wait before the next try, in milliseconds: anything from 0 to a bound that
 * doubles with each failure, from 200 ms up to 10 s. All of it is chance ("full jitter"),
 * so that the clients of a server that went down do not come back at the same moment.
 *
 * @param failures failed tries in a row, from 1
 */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  return random() * Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - 1));
}
