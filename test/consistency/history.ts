import type { Code } from "@connectrpc/connect";

/*
 * What clients did and saw, to be compared with one order. Times are of one clock, which cannot be
 * set back, in milliseconds.
 */

/** One post of one message. */
export interface PostRecord {
  readonly sender: string;
  /** The message id; several posts may have the same. */
  readonly id: string;
  /** No two ids have the same text, but one id may be posted with several. */
  readonly text: string;
  /** Before anything of it was sent. */
  readonly start: number;
  /** When it was answered; undefined: it was not, or refused. */
  answeredAt?: number;
  /** Where it is stored, as the answer says. */
  sequence?: number;
  /** The code that it was refused, or its stream ended, with. */
  code?: Code;
  /** The server has said with the error that this one is stored. */
  isStoredByProgress?: boolean;
}

/** One message that a reader got. */
export interface SeenMessage {
  readonly sequence: number;
  readonly sender: string;
  readonly text: string;
  readonly at: number;
}

/** One call that read. */
export interface ReadRecord {
  readonly kind: "history" | "subscription";
  /** The sequence that it starts after; undefined: from the first, or from now. */
  readonly after?: number | undefined;
  /** Before anything of it was sent. */
  readonly start: number;
  /** When the server had accepted it, as far as the client can tell. */
  acceptedAt?: number;
  readonly messages: SeenMessage[];
  /** It ended well: a history has then been read up to the head. */
  isComplete?: boolean;
  code?: Code;
}

/** All that the clients did. */
export interface History {
  readonly posts: readonly PostRecord[];
  readonly reads: readonly ReadRecord[];
}

/** One message as it is stored in the end. */
export interface StoredMessage {
  readonly sequence: number;
  readonly sender: string;
  readonly text: string;
}
