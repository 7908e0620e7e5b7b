import type { Logger } from "../../util/logger.js";
import type { DedupeOptions } from "../core/dedupe-window.js";
import type { RetentionOptions } from "../core/retention.js";
import type { LogObserver } from "../observer.js";
import { invalidSegmentBytes } from "./errors.js";

/** Options of `openFileLog`. */
export interface FileLogOptions {
  /** The log's folder, made if it is not there. It may hold other things too. */
  readonly dir: string;
  /** What is kept. Default: everything. */
  readonly retention?: RetentionOptions;
  /** How long, and how many, ids of messages are remembered. */
  readonly dedupe?: DedupeOptions;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /** Notified of what the log does. Default: nobody. */
  readonly observer?: LogObserver;
  /**
   * Bytes after which a file of the log is full and the next one begins. Default: an eighth of
   * what retention keeps, from 4 to 64 MiB; without that limit 64 MiB. At most 2 GiB.
   */
  readonly segmentBytes?: number;
}

const mebibyte = 1024 * 1024;

/** Places in a file have four bytes, and a commit may reach beyond where a file is full. */
const maxSegmentBytes = 2048 * mebibyte;

/** Bytes after which a file of the log is full. Throws `failed_precondition` if it is no size. */
export function segmentBytesOf({ segmentBytes, retention }: FileLogOptions): number {
  const part = (retention?.maxBytes ?? Number.POSITIVE_INFINITY) / 8;
  const bytes = segmentBytes ?? Math.min(64 * mebibyte, Math.max(4 * mebibyte, Math.floor(part)));
  if (!(Number.isInteger(bytes) && bytes >= 1 && bytes <= maxSegmentBytes)) {
    throw invalidSegmentBytes({ most: maxSegmentBytes, bytes });
  }
  return bytes;
}
