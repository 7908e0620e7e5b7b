import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { StoredId } from "../message-log.js";
import { envelopeLength, storedEnd } from "../stored-message.js";

/** A message on its way from one log to another, whatever their engines. */
export interface CopiedMessage {
  /** Its place in the log that it comes from. */
  readonly sequence: number;
  /** When that log took it, in milliseconds since 1970. */
  readonly sentAt: number;
  readonly sender: string;
  readonly text: string;
  /** The id that the log remembers of it: 16 bytes, see `StoredId`. */
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
  /** The messages after a sequence up to the head, in their order, some at a time. */
  read(after: number, signal: AbortSignal): AsyncIterable<readonly CopiedMessage[]>;
  close(): Promise<void>;
}

/** The messages of a batch, with their ids, which are in the same order. */
export function decodeStored(bytes: Uint8Array, ids: readonly StoredId[]): CopiedMessage[] {
  const messages: CopiedMessage[] = [];
  let nextId = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = storedEnd(bytes, at);
    const message = decodeOne(bytes.subarray(at + envelopeLength, end));
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

/** Throws what a reader of protobuf throws, if it is no message. */
function decodeOne(bytes: Uint8Array): CopiedMessage {
  const reader = new BinaryReader(bytes);
  const message = { sequence: 0, sentAt: 0, sender: "", text: "" };
  while (reader.pos < bytes.length) {
    const [field, wireType] = reader.tag();
    switch (field) {
      case 1:
        message.text = decodeText(reader.bytes());
        break;
      case 3:
        message.sentAt = decodeTime(reader.bytes());
        break;
      case 4:
        message.sequence = Number(reader.uint64());
        break;
      case 5:
        message.sender = decodeText(reader.bytes());
        break;
      default:
        reader.skip(wireType, field);
    }
  }
  return message;
}

/** Unlike a TextDecoder's default, a byte order mark stays. */
function decodeText({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("utf8");
}

function decodeTime(bytes: Uint8Array): number {
  const reader = new BinaryReader(bytes);
  let ms = 0;
  while (reader.pos < bytes.length) {
    const [field, wireType] = reader.tag();
    if (field === 1) {
      ms += Number(reader.int64()) * 1000;
    } else if (field === 2) {
      ms += Math.floor(reader.int32() / 1_000_000);
    } else {
      reader.skip(wireType, field);
    }
  }
  return ms;
}
