import { onAbort } from "../../../async/abort.js";
import { type Unread, uncounted } from "../../limits/unread-bytes.js";
import { afterInboundTurns } from "../call/inbound-turns.js";

/** How much may be buffered between a source and its consumer. */
export interface ReadAheadLimits {
  readonly maxItems: number;
  readonly maxBytes: number;
}

/**
 * Reads a source ahead while its consumer is busy, and yields everything that arrived meanwhile in
 * one batch: so a stream's messages share commits, and a slow log slows its sender.
 *
 * Items that were read are yielded before an error of the source, or the signal's reason, is
 * thrown. The limit is exceeded by one batch of the source at most.
 *
 * @param sizeOf the size of an item in bytes
 * @param unread counts the buffered bytes. Default: they are not counted
 */
export async function* readAhead<T>(
  source: AsyncIterable<readonly T[]>,
  sizeOf: (item: T) => number,
  limits: ReadAheadLimits,
  signal: AbortSignal,
  unread: Unread = uncounted,
): AsyncGenerator<T[]> {
  const iterator = source[Symbol.asyncIterator]();
  let items: T[] = [];
  let bytes = 0;
  let outcome: { error?: unknown } | undefined;
  let wakeConsumer = () => {};
  let wakeReader = () => {};

  function end(result: { error?: unknown }): void {
    outcome ??= result;
    wakeConsumer();
    wakeReader();
  }

  async function fillAhead(): Promise<void> {
    while (!outcome) {
      if (items.length >= limits.maxItems || bytes >= Math.min(limits.maxBytes, unread.readAhead)) {
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
      const before = bytes;
      for (const item of next.value) {
        items.push(item);
        bytes += sizeOf(item);
      }
      const tooMuch = unread.add(bytes - before);
      if (tooMuch) {
        end({ error: tooMuch });
      }
      wakeConsumer();
    }
  }

  const unsubscribe = onAbort(signal, () => afterInboundTurns(() => end({ error: signal.reason })));
  try {
    fillAhead().catch((error: unknown) => end({ error }));
    for (;;) {
      if (items.length > 0) {
        const taken = items;
        items = [];
        unread.remove(bytes);
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
          wakeConsumer = resolve;
        });
      }
    }
  } finally {
    unsubscribe();
    end({});
    unread.remove(bytes);
    bytes = 0;
    // Not awaited: a source that waits for its peer would delay the end.
    iterator.return?.()?.catch(() => {});
  }
}
