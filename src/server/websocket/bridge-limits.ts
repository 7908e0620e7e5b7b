import type { IncomingMessage } from "node:http";
import type { DescMethod } from "@bufbuild/protobuf";
import type { LimitName } from "../limits/limits.js";
import type { Unread } from "../limits/unread-bytes.js";
import type { UploadTimeouts } from "../limits/upload-timeouts.js";

/** Limits on the clients of a bridge beyond those of a single socket. */
export interface SocketGuards {
  /**
   * Whose token a tunnelled call has; undefined if it has no valid one. Nothing more is read until
   * this is known, and little without one.
   */
  identify(header: Headers): Promise<string | undefined>;
  /** Whether anyone may send this method as much as with a token. */
  isOpen(method: DescMethod): boolean;
  /** Counts what a connection has received and not processed yet. */
  unreadOf(request: IncomingMessage): Unread;
  /** Ends tunnelled calls in which neither side makes progress. */
  readonly idle: UploadTimeouts;
  /** Called each time something is refused. */
  onRefused(limit: LimitName): void;
}
