import { crc32c } from "../../encoding/crc32c.js";
import { ByteReader, LevelDamage, masked } from "./byte-reader.js";
import { unpackSnappy } from "./snappy.js";

/** After each block: one byte for its compression, four for its checksum. */
export const trailerLength = 5;

/** The values of the byte. */
const plain = 0;
const snappy = 1;

/** All keys end with eight bytes of LevelDB's own. */
export const internalLength = 8;

/** Longer than any key that was written: the cost of a key is limited. */
const maxKeyLength = 256;

/** An internal key of LevelDB with its value. */
export interface BlockEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Whether a block with its trailer matches its checksum. */
export function isIntact(block: Buffer): boolean {
  const end = block.length - 4;
  return end > 0 && masked(crc32c(block.subarray(0, end))) === block.readUInt32LE(end);
}

/**
 * The entries of a block with its trailer, in order. Throws `LevelDamage` if one cannot be
 * distinguished from the next, after yielding those before it.
 */
export function* blockEntries(block: Buffer): Generator<BlockEntry, void> {
  const kind = block[block.length - trailerLength];
  const stored = block.subarray(0, -trailerLength);
  if (kind !== plain && !(kind === snappy && isIntact(block))) {
    throw new LevelDamage("a packed block is damaged");
  }
  const bytes = kind === plain ? stored : unpackSnappy(stored);
  const restarts = bytes.length >= 4 ? bytes.readUInt32LE(bytes.length - 4) : Number.NaN;
  const end = bytes.length - 4 - restarts * 4;
  if (!(end >= 0)) {
    throw new LevelDamage("a block is damaged");
  }
  const reader = new ByteReader(bytes.subarray(0, end));
  let before = Buffer.alloc(0);
  while (reader.left > 0) {
    const entry = readEntry(reader, before);
    before = entry.key;
    yield entry;
  }
}

function readEntry(reader: ByteReader, before: Buffer) {
  const shared = reader.varint();
  const own = reader.varint();
  const length = reader.varint();
  const isKey = shared + own > internalLength && shared + own <= maxKeyLength;
  if (shared > before.length || !isKey) {
    throw new LevelDamage("a key is damaged");
  }
  const key = Buffer.concat([before.subarray(0, shared), reader.take(own)]);
  return { key, value: reader.take(length) };
}

/** One in this many keys of a block is written in full. */
const restartInterval = 16;

/**
 * The length of the uncompressed block that `bytes` begin with, found by its entries and its
 * checksum, if the table no longer says it; undefined if there is no complete one.
 */
export function blockLength(bytes: Buffer): number | undefined {
  const reader = new ByteReader(bytes);
  let before = Buffer.alloc(0);
  try {
    for (let count = 0; ; count++) {
      const restarts = Math.ceil(count / restartInterval);
      const { at } = reader;
      const end = at + restarts * 4 + 4 + trailerLength;
      const isEnd =
        count > 0 &&
        end <= bytes.length &&
        bytes.readUInt32LE(at) === 0 &&
        bytes.readUInt32LE(at + restarts * 4) === restarts;
      if (isEnd && isIntact(bytes.subarray(0, end))) {
        return end;
      }
      before = readEntry(reader, before).key;
    }
  } catch {
    return undefined;
  }
}
