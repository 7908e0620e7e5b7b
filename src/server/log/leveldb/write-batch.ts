import { ByteReader, LevelDamage, uint64 } from "./byte-reader.js";
import { entryOf, type LevelEntry } from "./level-entry.js";

/**
 * The head of a write in LevelDB's log: the order of its first entry (8 bytes), the number of
 * entries (4).
 */
const headerLength = 12;

/** The entries of one write, which are all there or not at all. Throws `LevelDamage`. */
export function batchEntries(record: Buffer): LevelEntry[] {
  const reader = new ByteReader(record);
  const header = reader.take(headerLength);
  const order = uint64(header, 0);
  const entries: LevelEntry[] = [];
  while (reader.left > 0) {
    const kind = reader.take(1)[0]!;
    const key = reader.string();
    const value = kind === 0 ? key : reader.string();
    entries.push(entryOf(key, order + entries.length, kind, value));
  }
  if (entries.length !== header.readUInt32LE(8)) {
    throw new LevelDamage("a write is not whole");
  }
  return entries;
}
