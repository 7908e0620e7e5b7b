import { afterArrivals } from "./arrivals.js";

/** How much may lie between a source and its taker. */
export interface GatherLimits {
  readonly maxItems: number;
  readonly maxBytes: number;
}

/**
 * Reads a source ahead while its taker is busy, and gives everything that came meanwhile in
 * one piece: so a stream's messages share commits, and a slow log slows its sender.
 *
 * What was read is always given before an error of the source, or the signal's reason, is
 * thrown. The bound is passed by one piece of the source at most.
 *
 * @param weigh the size of an item in bytes
 */
export async function* gather<T>(
  source: AsyncIterable<readonly T[]>,
  weigh: (item: T) => number,
  limits: GatherLimits,
  signal: AbortSignal,
): AsyncGenerator<T[]> {
  const iterator = source[Symbol.asyncIterator]();
  let items: T[] = [];
  let bytes = 0;
  let outcome: { error?: unknown } | undefined;
  let wakeTaker = () => {};
  let wakeReader = () => {};

  function end(result: { error?: unknown }): void {
    outcome ??= result;
    wakeTaker();
    wakeReader();
  }
  const onAbort = () => afterArrivals(() => end({ error: signal.reason }));

  async function readAhead(): Promise<void> {
    while (!outcome) {
      if (items.length >= limits.maxItems || bytes >= limits.maxBytes) {
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
        });
        continue;
      }
      const next = await iterator.next();
      if (outcome) {
        return;
      }
      if (next.done) {
        end({});
        return;
      }
      for (const item of next.value) {
        items.push(item);
        bytes += weigh(item);
      }
      wakeTaker();
    }
  }

  signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal.aborted) {
      onAbort();
    }
    readAhead().catch((error: unknown) => end({ error }));
    for (;;) {
      if (items.length > 0) {
        const taken = items;
        items = [];
        bytes = 0;
        wakeReader();
        yield taken;
      } else if (outcome) {
        if ("error" in outcome) {
          throw outcome.error;
        }
        return;
      } else {
        await new Promise<void>((resolve) => {
          wakeTaker = resolve;
        });
      }
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    end({});
    // Not awaited: a source that waits for its peer would hold the end up.
    iterator.return?.()?.catch(() => {});
  }
}
