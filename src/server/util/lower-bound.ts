/**
 * Binary search for the first index from `low` on for which a condition holds; `high` if it holds
 * for none before that. If it holds for an index, it holds for all that follow.
 */
export function lowerBound(low: number, high: number, holds: (index: number) => boolean): number {
  let from = low;
  for (let to = high; from < to; ) {
    const middle = (from + to) >>> 1;
    if (holds(middle)) {
      to = middle;
    } else {
      from = middle + 1;
    }
  }
  return from;
}

/** The same for an asynchronous condition. */
export async function lowerBoundAsync(
  low: number,
  high: number,
  holds: (index: number) => Promise<boolean>,
): Promise<number> {
  let from = low;
  for (let to = high; from < to; ) {
    const middle = (from + to) >>> 1;
    if (await holds(middle)) {
      to = middle;
    } else {
      from = middle + 1;
    }
  }
  return from;
}
