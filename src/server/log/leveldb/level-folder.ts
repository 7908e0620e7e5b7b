import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { compareEntries, type LevelEntry } from "./level-entry.js";
import { type Manifest, readManifest } from "./manifest.js";
import { readRecords } from "./record-log.js";
import { type DamageReport, reportDamage, tableEntries } from "./table.js";
import { batchEntries } from "./write-batch.js";

/** A table in the folder. */
interface Table {
  readonly path: string;
  /** No entry of the table has a lower key, or a higher one. */
  readonly smallest: Buffer;
  readonly largest: Buffer | undefined;
}

/** A source of entries in order. */
type Source = AsyncGenerator<readonly LevelEntry[], void>;

async function* once(entries: readonly LevelEntry[]): Source {
  yield entries;
}

/**
 * Reads a LevelDB folder that no process has open, and never writes to it. Intact data is returned;
 * `damage` lists what is damaged or missing, file by file.
 *
 * It needs as much memory as LevelDB: the contents of its logs, which are some MiB, and one block
 * of each table that is being read.
 */
export class LevelFolder {
  readonly #tables: readonly Table[];
  /** The entries of the logs that no table has yet, in order. */
  readonly #newest: readonly LevelEntry[];
  readonly #damage: Set<string>;

  private constructor(
    tables: readonly Table[],
    newest: readonly LevelEntry[],
    damage: Set<string>,
  ) {
    this.#tables = tables;
    this.#newest = newest;
    this.#damage = damage;
  }

  /** Rejects with the error of `fs` if there is no folder, or if it cannot be read. */
  static async open(folder: string): Promise<LevelFolder> {
    const damage = new Set<string>();
    const report = (text: string) => damage.add(text);
    const names = await readdir(folder);
    const manifest = await manifestOf(folder, report);
    const tables = tablesOf(folder, names, manifest, report);
    const newest: LevelEntry[] = [];
    for (const path of logsOf(folder, names, manifest)) {
      for await (const record of readRecords(path, report)) {
        try {
          newest.push(...batchEntries(record));
        } catch (error) {
          reportDamage(error, `${path} is damaged`, report);
        }
      }
    }
    return new LevelFolder(tables, newest.sort(compareEntries), damage);
  }

  /** What was found to be damaged or missing so far. */
  get damage(): readonly string[] {
    return [...this.#damage];
  }

  /** The keys from `from` to before `to` that have values, in order. */
  async *entries(from: Buffer, to: Buffer): AsyncGenerator<LevelEntry & { value: Buffer }, void> {
    const report = (text: string) => this.#damage.add(text);
    const waiting = this.#tables.filter(
      ({ smallest, largest }) =>
        Buffer.compare(smallest, to) < 0 &&
        (largest === undefined || Buffer.compare(largest, from) >= 0),
    );
    const peeked: PeekedSource[] = [];
    try {
      const add = async (source: Source) => {
        const one = new PeekedSource(source);
        peeked.push(one);
        await one.skipTo(from);
      };
      await add(once(this.#newest));
      let key: Buffer | undefined;
      for (;;) {
        let lowest = lowestOf(peeked);
        // Tables are opened when their turn comes: usually they follow each other.
        while (isNext(waiting[0], lowest)) {
          await add(tableEntries(waiting.shift()!.path, from, report));
          lowest = lowestOf(peeked);
        }
        const entry = lowest?.entry;
        if (lowest === undefined || entry === undefined || Buffer.compare(entry.key, to) >= 0) {
          return;
        }
        if (key === undefined || !key.equals(entry.key)) {
          key = entry.key;
          if (entry.value !== undefined) {
            yield entry as LevelEntry & { value: Buffer };
          }
        }
        await lowest.next();
      }
    } finally {
      await Promise.all(peeked.map((one) => one.close()));
    }
  }
}

/** A source and its next entry. */
class PeekedSource {
  entry: LevelEntry | undefined;
  readonly #source: Source;
  #entries: readonly LevelEntry[] = [];
  #at = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  async next(): Promise<void> {
    while (++this.#at >= this.#entries.length) {
      const { done, value } = await this.#source.next();
      if (done) {
        this.entry = undefined;
        return;
      }
      this.#entries = value;
      this.#at = -1;
    }
    this.entry = this.#entries[this.#at];
  }

  async skipTo(key: Buffer): Promise<void> {
    do {
      await this.next();
    } while (this.entry !== undefined && Buffer.compare(this.entry.key, key) < 0);
  }

  async close(): Promise<void> {
    await this.#source.return();
  }
}

function lowestOf(peeked: readonly PeekedSource[]): PeekedSource | undefined {
  let lowest: PeekedSource | undefined;
  for (const one of peeked) {
    const { entry } = one;
    if (entry && (lowest === undefined || compareEntries(entry, lowest.entry!) < 0)) {
      lowest = one;
    }
  }
  return lowest;
}

/** Whether a table may have the next entry. */
function isNext(table: Table | undefined, lowest: PeekedSource | undefined): boolean {
  const key = lowest?.entry?.key;
  return table !== undefined && (key === undefined || Buffer.compare(table.smallest, key) <= 0);
}

async function manifestOf(folder: string, report: DamageReport): Promise<Manifest | undefined> {
  try {
    return await readManifest(folder);
  } catch (error) {
    reportDamage(error, (error as Error).message, report);
    return undefined;
  }
}

/**
 * The tables in use, in the order of their first keys. Without a list of them, all existing tables
 * count: the order of an entry shows which of several is the newest.
 */
function tablesOf(
  folder: string,
  names: readonly string[],
  manifest: Manifest | undefined,
  report: DamageReport,
): Table[] {
  const files = new Map<number, string>();
  for (const name of names) {
    const [, number] = /^(\d+)\.(?:ldb|sst)$/.exec(name) ?? [];
    if (number !== undefined) {
      files.set(Number(number), join(folder, name));
    }
  }
  if (manifest === undefined) {
    const all = [...files.values()];
    return all.map((path) => ({ path, smallest: Buffer.alloc(0), largest: undefined }));
  }
  const tables: Table[] = [];
  for (const { number, smallest, largest } of manifest.tables) {
    const path = files.get(number);
    if (path === undefined) {
      report(`${join(folder, `${String(number).padStart(6, "0")}.ldb`)} is missing`);
    } else {
      tables.push({ path, smallest, largest });
    }
  }
  return tables.sort((a, b) => Buffer.compare(a.smallest, b.smallest));
}

/** The logs whose entries no table has yet, oldest first. */
function logsOf(folder: string, names: readonly string[], manifest: Manifest | undefined) {
  return names
    .flatMap((name) => /^(\d+)\.log$/.exec(name)?.[1] ?? [])
    .filter((name) => {
      const number = Number(name);
      return (
        manifest === undefined || number >= manifest.logNumber || number === manifest.previousLog
      );
    })
    .sort((a, b) => Number(a) - Number(b))
    .map((number) => join(folder, `${number}.log`));
}
