/**
 * The longest that `setTimeout` can wait, in milliseconds (24.8 days); a longer one ends at once.
 */
export const maxTimerMs = 2 ** 31 - 1;
