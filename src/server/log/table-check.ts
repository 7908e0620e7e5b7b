import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { crc32c } from "./crc32c.js";

/*
 * LevelDB puts checksums into its tables, but as classic-level opens it, it does not look
 * at them: it takes a damaged block for what it seems to say, and some of these end the
 * process by a failed assertion. So they are looked at here before LevelDB opens them.
 *
 * A damaged block whose entries can still be told apart does no such harm: the damage is in
 * a record, which has a checksum of its own and is reported to whoever reads it.
 */

const footerLength = 48;
const magic = "57fb808b247547db";
/** After each block: one byte that says how it is compressed, four of checksum. */
const trailerLength = 5;
const plain = 0;
/** An internal key ends with eight bytes of LevelDB's own. */
const internalLength = 8;

/**
 * Looks at the tables of a LevelDB folder, newest first: at all indexes, and at the data for
 * as long as `budgetMs` lasts. Returns the path of the first one that LevelDB must not open.
 */
export async function findBadTable(folder: string, budgetMs: number): Promise<string | undefined> {
  const end = performance.now() + budgetMs;
  const names = (await readdir(folder)).filter((name) => name.endsWith(".ldb"));
  for (const name of names.sort().reverse()) {
    const path = join(folder, name);
    if (!(await isSound(path, () => performance.now() < end))) {
      return path;
    }
  }
  return undefined;
}

interface Block {
  readonly offset: number;
  readonly length: number;
}

async function isSound(path: string, withData: () => boolean): Promise<boolean> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const whole = withData() ? await file.readFile() : undefined;
    const read = async ({ offset, length }: Block) => {
      if (whole !== undefined) {
        return offset + length <= size ? whole.subarray(offset, offset + length) : undefined;
      }
      const bytes = Buffer.allocUnsafe(length);
      return (await file.read(bytes, 0, length, offset)).bytesRead === length ? bytes : undefined;
    };
    const footer = await read({ offset: Math.max(0, size - footerLength), length: footerLength });
    if (footer === undefined || footer.toString("hex", footerLength - 8) !== magic) {
      // Cut off: left behind by a crash, which LevelDB removes, or else it says so itself.
      return true;
    }
    const handles = new Varints(footer);
    for (const isIndex of [false, true]) {
      const top = handles.block();
      if (top === undefined || top.offset + top.length + trailerLength > size - footerLength) {
        return false;
      }
      const bytes = await read(withTrailer(top));
      if (bytes === undefined || !isIntact(bytes)) {
        return false;
      }
      if (bytes.at(-trailerLength) !== plain) {
        return true; // compressed, by a tool: as it was written, and that is all to be seen
      }
      const blocks = entriesOf(bytes)?.map(({ value }) => new Varints(value).block());
      if (blocks === undefined || blocks.includes(undefined)) {
        return false;
      }
      for (const block of isIndex && whole === undefined ? [] : (blocks as Block[])) {
        const data = await read(withTrailer(block));
        if (data === undefined || !(isIntact(data) || (isIndex && isHarmless(data)))) {
          return false;
        }
      }
    }
    return true;
  } finally {
    await file.close();
  }
}

function withTrailer({ offset, length }: Block): Block {
  return { offset, length: length + trailerLength };
}

/** Whether a block with its trailer has the checksum that it says. */
function isIntact(bytes: Buffer): boolean {
  const sum = crc32c(bytes.subarray(0, -4));
  // LevelDB turns a checksum and adds to it, as it stores sums of sums.
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0 === bytes.readUInt32LE(bytes.length - 4);
}

/** Whether LevelDB can walk through a damaged block: whole entries, their keys rising. */
function isHarmless(bytes: Buffer): boolean {
  const entries = bytes.at(-trailerLength) === plain ? entriesOf(bytes) : undefined;
  return (
    entries?.every(
      ({ key }, i) =>
        key.length > internalLength &&
        (i === 0 || Buffer.compare(userKey(entries[i - 1]!.key), userKey(key)) <= 0),
    ) ?? false
  );
}

function userKey(key: Buffer): Buffer {
  return key.subarray(0, -internalLength);
}

interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** The entries of a block with its trailer; undefined if they cannot be told apart. */
function entriesOf(bytes: Buffer): Entry[] | undefined {
  const restarts = bytes.length - trailerLength - 4;
  const count = restarts >= 0 ? bytes.readUInt32LE(restarts) : 0;
  const end = restarts - count * 4;
  if (count === 0 || end < 0) {
    return undefined;
  }
  const starts = new Set<number>();
  const entries: Entry[] = [];
  const numbers = new Varints(bytes.subarray(0, end));
  let before = Buffer.alloc(0);
  while (numbers.at < end) {
    starts.add(numbers.at);
    const shared = numbers.next();
    const own = numbers.next();
    const length = numbers.next();
    const keyEnd = numbers.at + own;
    if (!(shared <= before.length && keyEnd + length <= end)) {
      return undefined;
    }
    const key = Buffer.concat([before.subarray(0, shared), bytes.subarray(numbers.at, keyEnd)]);
    entries.push({ key, value: bytes.subarray(keyEnd, keyEnd + length) });
    numbers.at = keyEnd + length;
    before = key;
  }
  for (let at = end; at < restarts; at += 4) {
    if (!starts.has(bytes.readUInt32LE(at)) && entries.length > 0) {
      return undefined;
    }
  }
  return entries;
}

/** Reads the numbers of LevelDB one after the other; NaN where there is none. */
class Varints {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  next(): number {
    let value = 0;
    for (let unit = 1; unit <= 2 ** 42; unit *= 128) {
      const byte = this.#bytes[this.at++] ?? Number.NaN;
      value += (byte & 127) * unit;
      if (!(byte >= 128)) {
        return Number.isNaN(byte) ? Number.NaN : value;
      }
    }
    return Number.NaN;
  }

  block(): Block | undefined {
    const offset = this.next();
    const length = this.next();
    return Number.isNaN(offset + length) ? undefined : { offset, length };
  }
}
