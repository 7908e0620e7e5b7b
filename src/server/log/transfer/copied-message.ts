import { envelopeEnd, envelopePrefixLength } from "../../encoding/envelope.js";
import { readStored } from "../../encoding/stored-message.js";
import type { StoredId } from "../message-log.js";

/** A message on its way from one log to another, whatever their engines. */
export interface CopiedMessage {
  /** Its position in the log that it comes from. */
  readonly sequence: number;
  /** When that log stored it, in milliseconds since 1970. */
  readonly sentAt: number;
  readonly sender: string;
  readonly text: string;
  /** Empty for `main`. */
  readonly room: string;
  /** The id that the log remembers for it: 16 bytes, see `StoredId`. */
  readonly idHash?: Uint8Array;
}

/** What all messages of a copy have in common. */
export interface CopiedLog {
  /** The log's identity, see `MessageLog`. */
  readonly identity: string;
  /** Sequence of the oldest message that was kept; head + 1 if there was none. */
  readonly first: number;
  /** Sequence of the newest message. */
  readonly head: number;
}

/** A log to be copied. */
export interface CopySource extends CopiedLog {
  /** The messages after a sequence up to the head, in order, some at a time. */
  read(after: number, signal: AbortSignal): AsyncIterable<readonly CopiedMessage[]>;
  close(): Promise<void>;
}

/**
 * The messages of a batch with their ids, which are in the same order. Throws a RangeError if the
 * bytes are not stored messages.
 */
export function decodeStored(batch: Uint8Array, ids: readonly StoredId[]): CopiedMessage[] {
  const bytes = Buffer.from(batch.buffer, batch.byteOffset, batch.length);
  const messages: CopiedMessage[] = [];
  let nextId = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = envelopeEnd(bytes, at);
    const fields = readStored(bytes, at + envelopePrefixLength, end);
    const { sequence, sentAt, sender, message: text, room } = fields;
    const message = { sequence, sentAt, sender, text, room };
    const id = ids[nextId];
    if (id?.sequence === message.sequence) {
      nextId++;
      messages.push({ ...message, idHash: id.hash });
    } else {
      messages.push(message);
    }
    at = end;
  }
  return messages;
}
