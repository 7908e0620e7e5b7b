/**
 * A point in time on two clocks, to measure an interval: one clock stands still while a computer
 * sleeps, the other can be set back.
 */
export interface Moment {
  readonly date: number;
  readonly ticks: number;
}

export function now(): Moment {
  return { date: Date.now(), ticks: performance.now() };
}

/**
 * Milliseconds since then, by the clock that shows more. An interval then ends early when the
 * computer's clock is set forward, and never late.
 */
export function elapsedMs({ date, ticks }: Moment): number {
  return Math.max(Date.now() - date, performance.now() - ticks);
}
