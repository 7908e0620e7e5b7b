import type { ConnectError } from "@connectrpc/connect";
import { firstMessageLate, nextMessageLate } from "./errors.js";
import type { LimitName, Limits } from "./limits.js";
import { withRetry } from "./over-limit.js";

/** Called when an upload takes too long, with the error that ends it. */
export interface UploadEnd {
  abort(reason: ConnectError): void;
  /** Whether it may be silent now. Default: it never may. */
  mayBeSilent?(): boolean;
}

/** One upload in progress. */
export interface Upload {
  /** Counts what has arrived; its consumer adds to it. */
  taken: number;
}

interface Watched extends Upload {
  readonly end: UploadEnd;
  /** The value of `taken` at the last check. */
  seen: number;
  /** When `taken` was last seen to change. */
  since: number;
}

/** How long a kind of upload may take, in milliseconds; 0 is off. */
export interface UploadTimes {
  readonly firstMs: number;
  readonly nextMs: number;
  readonly firstName: LimitName;
  readonly nextName: LimitName;
  readonly onRefused: Limits["onRefused"];
}

/** Times are kept to within a quarter. */
const looksPerTime = 4;
const longestLookMs = 15_000;

/**
 * Ends uploads that bring nothing for too long. One timer serves all of them: an upload costs an
 * entry in a set, and what it brings costs a counter.
 */
export class UploadTimeouts {
  readonly #times: UploadTimes;
  /** Undefined: there is nothing to check. */
  readonly #lookMs: number | undefined;
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(times: UploadTimes) {
    this.#times = times;
    const bounds = [times.firstMs, times.nextMs].filter((ms) => ms > 0);
    if (bounds.length > 0) {
      this.#lookMs = Math.min(Math.min(...bounds) / looksPerTime, longestLookMs);
    }
  }

  /** Begins to watch an upload; call `leave` when it is over. */
  enter(end: UploadEnd): Upload {
    const upload = { end, taken: 0, seen: 0, since: performance.now() };
    this.#watched.add(upload);
    if (this.#lookMs !== undefined) {
      this.#timer ??= setInterval(this.#look, this.#lookMs).unref();
    }
    return upload;
  }

  leave(upload: Upload): void {
    this.#watched.delete(upload as Watched);
    if (this.#watched.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  readonly #look = () => {
    const now = performance.now();
    for (const upload of this.#watched) {
      if (upload.taken !== upload.seen || upload.end.mayBeSilent?.()) {
        upload.seen = upload.taken;
        upload.since = now;
        continue;
      }
      const isFirst = upload.taken === 0;
      const most = isFirst ? this.#times.firstMs : this.#times.nextMs;
      if (most > 0 && now - upload.since >= most) {
        this.#watched.delete(upload);
        this.#times.onRefused(isFirst ? this.#times.firstName : this.#times.nextName);
        const late = isFirst ? firstMessageLate : nextMessageLate;
        upload.end.abort(withRetry(late({ seconds: most / 1000 })));
      }
    }
  };
}

/** Times the uploads of streams. */
export function createUploadTimeouts(limits: Limits): UploadTimeouts {
  return new UploadTimeouts({
    firstMs: limits.firstMessageTimeoutMs,
    nextMs: limits.uploadIdleTimeoutMs,
    firstName: "first_message_time",
    nextName: "upload_idle_time",
    onRefused: limits.onRefused,
  });
}
