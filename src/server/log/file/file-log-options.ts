import type { Logger } from "../../util/logger.js";
import type { DedupeOptions } from "../core/dedupe-window.js";
import type { RetentionOptions } from "../core/retention.js";
import type { LogObserver } from "../observer.js";
import { invalidSegmentBytes } from "./errors.js";

/** Options of `openFileLog`. */
export interface FileLogOptions {
  /** The log's folder, created if it does not exist. It may contain other files too. */
  readonly dir: string;
  /** What is kept. Default: everything. */
  readonly retention?: RetentionOptions;
  /** How long, and how many, ids of messages are remembered. */
  readonly dedupe?: DedupeOptions;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /** Called with what the log does. Default: nothing is called. */
  readonly observer?: LogObserver;
  /**
   * Bytes after which a file of the log is full and the next one begins. Default: an eighth of
   * what retention keeps, from 4 to 64 MiB; without that limit 64 MiB. At most 2 GiB.
   */
  readonly segmentBytes?: number;
}

const mebibyte = 1024 * 1024;

/**
 * A place in a file has four bytes, and a commit may extend beyond the size at which a file is
 * full.
 */
const maxSegmentBytes = 2048 * mebibyte;

/**
 * Bytes after which a file of the log is full. Throws `failed_precondition` if it is not a valid
 * size.
 */
export function segmentBytesOf({ segmentBytes, retention }: FileLogOptions): number {
  const part = (retention?.maxBytes ?? Number.POSITIVE_INFINITY) / 8;
  const bytes = segmentBytes ?? Math.min(64 * mebibyte, Math.max(4 * mebibyte, Math.floor(part)));
  if (!(Number.isInteger(bytes) && bytes >= 1 && bytes <= maxSegmentBytes)) {
    throw invalidSegmentBytes({ most: maxSegmentBytes, bytes });
  }
  return bytes;
}
