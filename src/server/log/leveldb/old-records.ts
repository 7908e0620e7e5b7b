import { crc32c } from "../../encoding/crc32c.js";
import { idHashBytes, textHashBytes } from "../core/dedupe-window.js";
import type { HashedId, IdRecord, MessageRecord } from "../core/stored-record.js";
import { maxSequence } from "../core/stored-record.js";

/*
 * The contents of LevelDB in logs of format 1: records of messages, records of ids, and one record
 * of metadata. Each value begins with a CRC-32C of the rest. All numbers are big-endian.
 */

/** The format that is read here. */
export const oldFormat = 1;

const keyLength = 9;

/**
 * The keys of one kind: of the records that end after a sequence, up to the highest possible one.
 */
export function oldKeys(kind: "messages" | "ids", after: number): { from: Buffer; to: Buffer } {
  const key = (sequence: number) => {
    const bytes = Buffer.alloc(keyLength, kind === "messages" ? "m" : "n");
    bytes.writeUInt16BE(0, 1);
    bytes.writeUIntBE(sequence, 3, 6);
    return bytes;
  };
  return { from: key(after + 1), to: Buffer.concat([key(maxSequence), Buffer.alloc(1)]) };
}

/** The key of the metadata, and the one after it. */
export const oldMetaKey = { from: Buffer.from("z"), to: Buffer.from("z\u0000") };

/** The sequence at the end of a key; undefined if the key does not have this form. */
export function sequenceOfKey(key: Buffer): number | undefined {
  return key.length === keyLength && key.readUInt16BE(1) === 0 ? key.readUIntBE(3, 6) : undefined;
}

/*
 * CRC (4 bytes), length of the payload (4), first sequence (6), last (6), count (4), sent_at in ms
 * (6), bytes of payload that the log had ever stored (6); then the payload.
 */
const messagesHeaderLength = 36;

/** Reads a record of messages; undefined if anything about it is damaged. */
export function readOldMessages(key: Buffer, value: Buffer): MessageRecord | undefined {
  if (value.length <= messagesHeaderLength || value.readUInt32BE(0) !== crc32c(value, 4)) {
    return undefined;
  }
  const record = {
    room: "",
    first: value.readUIntBE(8, 6),
    last: value.readUIntBE(14, 6),
    count: value.readUInt32BE(20),
    sentAt: value.readUIntBE(24, 6),
    totalBytes: value.readUIntBE(30, 6),
    bytes: value.subarray(messagesHeaderLength),
  };
  // The CRC does not cover the key: a record under the key of another one does not count.
  return record.last === sequenceOfKey(key) ? record : undefined;
}

/**
 * The sequence that a damaged record ends with, if its key and its header agree: a single flipped
 * byte cannot falsify both.
 */
export function claimedEnd(key: Buffer, value: Buffer): number | undefined {
  const sequence = sequenceOfKey(key);
  const isClaimed = value.length > messagesHeaderLength && value.readUIntBE(14, 6) === sequence;
  return isClaimed ? sequence : undefined;
}

/*
 * One for each commit: CRC (4), count (4), sent_at (6), sequence of the first message (6); then for
 * each id its hash (16), the hash of the text (8) and its distance from the first sequence (4).
 */
const idsHeaderLength = 20;
const hashedLength = idHashBytes + textHashBytes;

/** Reads a record of ids; undefined if anything about it is damaged. */
export function readOldIds(value: Buffer): IdRecord | undefined {
  if (value.length <= idsHeaderLength || value.readUInt32BE(0) !== crc32c(value, 4)) {
    return undefined;
  }
  const first = value.readUIntBE(14, 6);
  const ids: HashedId[] = [];
  for (let at = idsHeaderLength; at < value.length; at += hashedLength + 4) {
    const hashed = value.subarray(at, at + hashedLength);
    ids.push({ hashed, sequence: first + value.readUInt32BE(at + hashedLength) });
  }
  return { sentAt: value.readUIntBE(8, 6), ids };
}

/** The record of metadata: CRC (4), version of the format (2), first (6), identity (8). */
export interface OldMeta {
  readonly version: number;
  /** Sequence of the oldest message that is kept. */
  readonly first: number;
  readonly identity: string;
}

/** Reads the metadata; undefined if anything about it is damaged. */
export function readOldMeta(value: Buffer): OldMeta | undefined {
  if (value.length < 12 || value.readUInt32BE(0) !== crc32c(value, 4)) {
    return undefined;
  }
  return {
    version: value.readUInt16BE(4),
    first: value.readUIntBE(6, 6),
    identity: value.toString("latin1", 12),
  };
}
