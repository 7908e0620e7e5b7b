import type { Recovery } from "./traffic.js";

/** For each thing that was broken, how long recovery took, each time. */
export type Recoveries<What extends string = string> = Record<What, Recovery[]>;

/** Prints a table of them: median and most, in seconds. */
export function printRecoveries(recoveries: Recoveries): void {
  const rows = Object.entries(recoveries).map(([what, times]) => {
    const posts = seconds(times.map(({ postsMs }) => postsMs));
    const events = seconds(times.map(({ eventsMs }) => eventsMs));
    return [
      what,
      {
        rounds: times.length,
        "all posts answered, median": posts.median,
        most: posts.most,
        "all subscribers up to date, median": events.median,
        "most ": events.most,
      },
    ];
  });
  console.table(Object.fromEntries(rows));
}

function seconds(times: readonly number[]) {
  const sorted = times.map((ms) => Math.round(ms / 10) / 100).toSorted((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], most: sorted.at(-1) };
}
