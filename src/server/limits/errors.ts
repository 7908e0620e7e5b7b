import { Code } from "@connectrpc/connect";
import { defineError } from "../../errors/define.js";

/*
 * A limit is reached. `withRetry` adds when the next try may succeed.
 */

/**
 * All streams of the user together exceed `--max-user-messages`.
 *
 * Remedy: Post slower. `RetryInfo` (`Retry-After`) says how long to wait.
 */
export const userMessageRate = defineError(
  Code.ResourceExhausted,
  "the user posts more than <most> messages a second: post slower",
);

/**
 * The user has as many open streams as `--max-user-streams` allows.
 *
 * Remedy: Close streams, or share one stream among readers.
 */
export const userStreams = defineError(
  Code.ResourceExhausted,
  "the user has <most> streams open, which is the most: close some first",
);

/**
 * One address has this many open streams of methods that need no token.
 *
 * Remedy: Close streams.
 */
export const addressStreams = defineError(
  Code.ResourceExhausted,
  "<most> streams without a token are open from this address: close some first",
);

/**
 * The server holds too much of what this user or address has sent, of the answers of `Read` that
 * its clients do not take, or of lists of rooms that its clients follow, see `--max-unread-bytes`.
 *
 * Remedy: Send smaller messages, or use fewer calls at a time, and try again.
 */
export const unreadBytes = defineError(
  Code.ResourceExhausted,
  "too much was sent that could not be processed yet: send less at a time",
);

/**
 * A stream was opened, and its client sent nothing for `--first-message-timeout`.
 *
 * Remedy: Open a stream when there is something to send. Look for a proxy that buffers requests.
 */
export const firstMessageLate = defineError(
  Code.ResourceExhausted,
  "no message came within <seconds> seconds",
);

/**
 * The client of a posting stream sent nothing for `--upload-idle-timeout`.
 *
 * Remedy: End the stream when there is nothing to send, and open a new one later.
 */
export const nextMessageLate = defineError(
  Code.ResourceExhausted,
  "no further message came within <seconds> seconds",
);
