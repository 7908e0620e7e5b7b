import { LevelDamage, uint64 } from "./byte-reader.js";

/** The entry of a key, present or past. */
export interface LevelEntry {
  readonly key: Buffer;
  /** Of several entries with the same key, the one with the highest order counts. */
  readonly order: number;
  /** undefined: the key was removed. */
  readonly value: Buffer | undefined;
}

/** The meaning of the eighth byte from the end of an internal key. */
const removed = 0;
const put = 1;

/** The kinds of an entry, in tables and in logs. */
export function entryOf(key: Buffer, order: number, kind: number, value: Buffer): LevelEntry {
  if (kind !== removed && kind !== put) {
    throw new LevelDamage("an entry is of no known kind");
  }
  return { key, order, value: kind === put ? value : undefined };
}

/** The entry of a table: its key ends with its order and its kind. */
export function tableEntry(internalKey: Buffer, value: Buffer): LevelEntry {
  const at = internalKey.length - 8;
  const order = Math.floor(uint64(internalKey, at) / 256);
  return entryOf(internalKey.subarray(0, at), order, internalKey[at]!, value);
}

/** The order of entries: by key, the newest entry of a key first. */
export function compareEntries(a: LevelEntry, b: LevelEntry): number {
  return Buffer.compare(a.key, b.key) || b.order - a.order;
}
