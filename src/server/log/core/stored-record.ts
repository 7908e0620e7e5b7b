import type { Batch, RoomRange } from "../message-log.js";

/** Sequences fit into the six bytes that a cursor has for them. */
export const maxSequence = 2 ** 48 - 1;

/** What is known of a record besides its messages. */
export interface RecordFields extends RoomRange {
  /** How many messages it has. */
  readonly count: number;
  /** When the log stored its messages, in milliseconds since 1970. */
  readonly sentAt: number;
  /** Bytes of payload that the log has ever stored, up to and including this record. */
  readonly totalBytes: number;
}

/** Consecutive messages of one room that are stored together: at most 64 KiB, or one message. */
export interface MessageRecord extends RecordFields, Batch {}

/** The id of one message, as `hashId` returns it. */
export interface HashedId {
  readonly hashed: Buffer;
  readonly sequence: number;
}

/** The ids of one commit. */
export interface IdRecord {
  /** When the log stored their messages, in milliseconds since 1970. */
  readonly sentAt: number;
  /** In the order of their messages, at least one. */
  readonly ids: readonly HashedId[];
}
