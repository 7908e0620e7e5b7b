import type { FoundRecord } from "./level-store.js";
import type { MessageRecord } from "./record.js";

/** What a log keeps. Whole records go (64 KiB or one message), oldest first. */
export interface RetentionOptions {
  /** Messages are removed when they are so many milliseconds old. Default: never. */
  readonly maxAgeMs?: number;
  /** Messages are removed when so many newer ones are there. Default: never. */
  readonly maxMessages?: number;
  /** Messages are removed when so many bytes of newer ones are stored. Default: never. */
  readonly maxBytes?: number;
}

/** Whether any limit is set. */
export function hasLimits(options: RetentionOptions): boolean {
  return (
    options.maxAgeMs !== undefined ||
    options.maxMessages !== undefined ||
    options.maxBytes !== undefined
  );
}

/**
 * Whether a record is beyond a limit, seen from the head of its log. Never true because of
 * its own messages: what a limit allows is kept, though a record may keep more with it.
 */
export function isSurplus(
  record: Pick<MessageRecord, "last" | "sentAt" | "totalBytes">,
  log: { readonly head: number; readonly totalBytes: number },
  now: number,
  { maxAgeMs, maxMessages, maxBytes }: RetentionOptions,
): boolean {
  return (
    (maxMessages !== undefined && log.head - record.last >= maxMessages) ||
    (maxBytes !== undefined && log.totalBytes - record.totalBytes >= maxBytes) ||
    (maxAgeMs !== undefined && now - record.sentAt > maxAgeMs)
  );
}

/**
 * How many of the oldest records are beyond a limit: all up to the last one that is, so that
 * damaged ones go when those after them do.
 */
export function surplusEnd(
  found: readonly FoundRecord[],
  log: { readonly head: number; readonly totalBytes: number },
  now: number,
  options: RetentionOptions,
): number {
  return (
    1 +
    found.findLastIndex(
      ({ record }) => record !== undefined && isSurplus(record, log, now, options),
    )
  );
}
