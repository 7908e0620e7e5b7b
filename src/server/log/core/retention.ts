import type { MessageRecord } from "./stored-record.js";

/** Which messages a log keeps. It removes whole records (64 KiB or one message), oldest first. */
export interface RetentionOptions {
  /** How old messages get before they are removed, in milliseconds. Default: never. */
  readonly maxAgeMs?: number;
  /** Maximum number of messages that are kept: older ones are removed. Default: all. */
  readonly maxMessages?: number;
  /** Maximum number of stored bytes that are kept: older messages are removed. Default: all. */
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
 * Whether a record exceeds a limit, counted from the head of its log. Messages within the limits
 * are always kept, even if their record has older messages too.
 */
export function isExpired(
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
