import type { UnreadBytes } from "../limits/unread-bytes.js";
import type { PeerAddress } from "../net/peer-address.js";

/** What those who serve HTTP know of its clients. */
export interface Clients {
  readonly addressOf: PeerAddress;
  /** Counts what was received and is not used yet. */
  readonly unread: UnreadBytes;
}

/** Where errors go that no call has an answer or a line for. */
export interface ErrorReport {
  /** A request broke off by a fault of the server: its client is cut. */
  onError(error: unknown): void;
}
