import type { UnreadBytes } from "../limits/unread-bytes.js";
import type { PeerAddress } from "../net/peer-address.js";

/** What the HTTP listeners know about their clients. */
export interface Clients {
  readonly addressOf: PeerAddress;
  /** Counts received bytes that are not processed yet. */
  readonly unread: UnreadBytes;
}

/** Called with errors that no call has in its response or its log line. */
export interface ErrorReport {
  /** A request failed by a fault of the server: its client is cut off. */
  onError(error: unknown): void;
}
