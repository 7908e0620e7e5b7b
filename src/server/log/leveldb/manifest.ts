import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ByteReader, LevelDamage } from "./byte-reader.js";
import { readRecords } from "./record-log.js";

/** A table with its first and last key. */
export interface TableFile {
  readonly number: number;
  readonly smallest: Buffer;
  readonly largest: Buffer;
}

/** The contents of LevelDB's list of tables (MANIFEST). */
export interface Manifest {
  readonly tables: readonly TableFile[];
  /** Logs from this number on are in use, and the one before. */
  readonly logNumber: number;
  readonly previousLog: number;
}

/**
 * Reads the list of the tables in use. Throws `LevelDamage` if it is missing, or damaged anywhere:
 * then it cannot be trusted.
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const name = await currentName(folder);
  const tables = new Map<number, TableFile>();
  const numbers = { log: 0, previousLog: 0 };
  let isRight = true;
  const path = join(folder, name);
  try {
    for await (const record of readRecords(path, () => {
      isRight = false;
    })) {
      applyEdit(new ByteReader(record), tables, numbers);
    }
  } catch (error) {
    throw isMissing(error) ? new LevelDamage(`${path} is missing`) : error;
  }
  if (!isRight) {
    throw new LevelDamage(`${path} is damaged`);
  }
  return { tables: [...tables.values()], logNumber: numbers.log, previousLog: numbers.previousLog };
}

async function currentName(folder: string): Promise<string> {
  const path = join(folder, "CURRENT");
  let text: string;
  try {
    text = await readFile(path, "latin1");
  } catch (error) {
    throw isMissing(error) ? new LevelDamage(`${path} is missing`) : error;
  }
  if (!/^MANIFEST-\d+\n$/.test(text)) {
    throw new LevelDamage(`${path} is damaged`);
  }
  return text.trimEnd();
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

/** Applies one change of the list: fields after tags, each zero or more times. */
function applyEdit(
  reader: ByteReader,
  tables: Map<number, TableFile>,
  numbers: { log: number; previousLog: number },
): void {
  while (reader.left > 0) {
    switch (reader.varint()) {
      case 1: // the name of the comparator
        if (reader.string().toString() !== "leveldb.BytewiseComparator") {
          throw new LevelDamage("its keys are not in the order of their bytes");
        }
        break;
      case 2:
        numbers.log = reader.varint();
        break;
      case 3: // the next file number
      case 4: // the order of the last entry
        reader.varint();
        break;
      case 5: // where the next compaction of a level begins
        reader.varint();
        reader.string();
        break;
      case 6:
        reader.varint();
        tables.delete(reader.varint());
        break;
      case 7: {
        reader.varint();
        const number = reader.varint();
        reader.varint(); // its size
        const smallest = reader.string().subarray(0, -8);
        const largest = reader.string().subarray(0, -8);
        tables.set(number, { number, smallest, largest });
        break;
      }
      case 9:
        numbers.previousLog = reader.varint();
        break;
      default:
        throw new LevelDamage("it has a field of no known kind");
    }
  }
}
