import { crc32c } from "./crc32c.js";
import { idHashBytes, textHashBytes } from "./dedupe-window.js";
import type { Batch } from "./message-log.js";

/*
 * What the store holds: records of messages, records of ids, and one of metadata. Each
 * value begins with a CRC-32C over all that follows in it.
 *
 * Keys rise with the log, and those of messages sort before all others: LevelDB then moves
 * full tables down as they are instead of merging them again and again.
 */

/** Raised when a change of the form makes older programs misread it. */
export const formatVersion = 1;

/** Sequences fit into the six bytes that a cursor has for them. */
export const maxSequence = 2 ** 48 - 1;

const messagesPrefix = 0x6d; // m
const idsPrefix = 0x6e; // n
const keyLength = 9;

/** The key of the metadata. */
export const metaKey = Buffer.from("z");

/** The key of the record of messages that ends with a sequence. */
export function messagesKey(last: number): Buffer {
  return sequenceKey(messagesPrefix, last);
}

/** The key of the record of ids whose last message has a sequence. */
export function idsKey(last: number): Buffer {
  return sequenceKey(idsPrefix, last);
}

/** The sequence that a key ends with; undefined if it is not a key of this form. */
export function keySequence(key: Buffer): number | undefined {
  if (key.length !== keyLength || key.readUInt16BE(1) !== 0) {
    return undefined;
  }
  return key.readUIntBE(3, 6);
}

function sequenceKey(prefix: number, sequence: number): Buffer {
  const key = Buffer.alloc(keyLength);
  key[0] = prefix;
  key.writeUIntBE(sequence, 3, 6);
  return key;
}

/*
 * A record of messages: CRC (4 bytes), length of the payload (4), first sequence (6), last
 * (6), count (4), when the log took them in ms (6), bytes of payload that the log ever
 * took, this record's among them (6); then the payload. All numbers high bytes first.
 */

/** Bytes before the payload of a record of messages. */
export const recordHeaderLength = 36;

/** A record of messages. */
export interface MessageRecord extends Batch {
  /** When the log took its messages, in milliseconds since 1970. */
  readonly sentAt: number;
  /** Bytes of payload that the log ever took, up to and with this record. */
  readonly totalBytes: number;
}

/** Fills in the header of a record whose payload lies in `value` already. */
export function sealMessages(value: Buffer, record: Omit<MessageRecord, "bytes">): void {
  value.writeUInt32BE(value.length - recordHeaderLength, 4);
  value.writeUIntBE(record.first, 8, 6);
  value.writeUIntBE(record.last, 14, 6);
  value.writeUInt32BE(record.count, 20);
  value.writeUIntBE(record.sentAt, 24, 6);
  value.writeUIntBE(record.totalBytes, 30, 6);
  value.writeUInt32BE(crc32c(value, 4), 0);
}

/** Reads a record of messages; undefined if anything about it is not as it was written. */
export function openMessages(key: Buffer, value: Buffer): MessageRecord | undefined {
  if (value.length <= recordHeaderLength || value.readUInt32BE(0) !== crc32c(value, 4)) {
    return undefined;
  }
  const record = {
    first: value.readUIntBE(8, 6),
    last: value.readUIntBE(14, 6),
    count: value.readUInt32BE(20),
    sentAt: value.readUIntBE(24, 6),
    totalBytes: value.readUIntBE(30, 6),
    bytes: value.subarray(recordHeaderLength),
  };
  // The sum does not cover the key: a record under another one's key is as bad as none.
  return record.last === keySequence(key) ? record : undefined;
}

/**
 * The sequence that a damaged record ends with, if its key and its header say the same:
 * one flipped byte cannot make both of them lie.
 */
export function claimedSequence(key: Buffer, value: Buffer): number | undefined {
  const sequence = keySequence(key);
  return value.length > recordHeaderLength && value.readUIntBE(14, 6) === sequence
    ? sequence
    : undefined;
}

/*
 * A record of ids, one a commit: CRC (4), count (4), when the log took the messages (6),
 * sequence of the first of them (6); then for each id its hash (16), the hash of the text
 * (8) and how far its sequence lies beyond the first (4).
 */

const idsHeaderLength = 20;
const idEntryLength = idHashBytes + textHashBytes + 4;

/** The id of one message, as `hashId` has it. */
export interface HashedId {
  readonly hashed: Buffer;
  readonly sequence: number;
}

/** The ids of one commit. */
export interface IdRecord {
  /** When the log took their messages, in milliseconds since 1970. */
  readonly sentAt: number;
  /** In the order of their messages, at least one. */
  readonly ids: readonly HashedId[];
}

/** Writes a record of ids. */
export function sealIds({ sentAt, ids }: IdRecord): Buffer {
  const value = Buffer.allocUnsafe(idsHeaderLength + ids.length * idEntryLength);
  const first = ids[0]!.sequence;
  value.writeUInt32BE(ids.length, 4);
  value.writeUIntBE(sentAt, 8, 6);
  value.writeUIntBE(first, 14, 6);
  let at = idsHeaderLength;
  for (const { hashed, sequence } of ids) {
    value.set(hashed, at);
    value.writeUInt32BE(sequence - first, at + hashed.length);
    at += idEntryLength;
  }
  value.writeUInt32BE(crc32c(value, 4), 0);
  return value;
}

/** Reads a record of ids; undefined if anything about it is not as it was written. */
export function openIds(value: Buffer): IdRecord | undefined {
  if (value.length <= idsHeaderLength || value.readUInt32BE(0) !== crc32c(value, 4)) {
    return undefined;
  }
  const first = value.readUIntBE(14, 6);
  const ids: HashedId[] = [];
  for (let at = idsHeaderLength; at < value.length; at += idEntryLength) {
    const hashed = value.subarray(at, at + idHashBytes + textHashBytes);
    ids.push({ hashed, sequence: first + value.readUInt32BE(at + hashed.length) });
  }
  return { sentAt: value.readUIntBE(8, 6), ids };
}

/** The metadata: CRC (4), version of the form (2), first sequence kept (6), identity (8). */
export interface Meta {
  readonly version: number;
  /** Sequence of the oldest message that is kept. */
  readonly first: number;
  readonly identity: string;
}

/** Writes the metadata, in this version of the form. */
export function sealMeta({ first, identity }: Omit<Meta, "version">): Buffer {
  const value = Buffer.alloc(12 + identity.length);
  value.writeUInt16BE(formatVersion, 4);
  value.writeUIntBE(first, 6, 6);
  value.write(identity, 12, "latin1");
  value.writeUInt32BE(crc32c(value, 4), 0);
  return value;
}

/** Reads the metadata; undefined if anything about it is not as it was written. */
export function openMeta(value: Buffer): Meta | undefined {
  if (value.length < 12 || value.readUInt32BE(0) !== crc32c(value, 4)) {
    return undefined;
  }
  return {
    version: value.readUInt16BE(4),
    first: value.readUIntBE(6, 6),
    identity: value.toString("latin1", 12),
  };
}
