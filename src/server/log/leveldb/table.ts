import { type FileHandle, open } from "node:fs/promises";
import { blockEntries, blockLength, isIntact, trailerLength } from "./block.js";
import { ByteReader, LevelDamage } from "./byte-reader.js";
import { compareEntries, type LevelEntry, tableEntry } from "./level-entry.js";

const footerLength = 48;
const magic = "57fb808b247547db";

/** Larger than any block that was written: memory stays limited. */
const maxBlockBytes = 64 * 1024 * 1024;

/** The position of a block in its table, without its trailer. */
interface BlockPlace {
  readonly offset: number;
  readonly length: number;
}

/** Called with a description of the damage that names the file. */
export type DamageReport = (damage: string) => void;

/**
 * The entries of a table from a key on, in order. Damage is reported and left out; entries of a
 * damaged block that can be distinguished are returned, because their values have checksums of
 * their own.
 */
export async function* tableEntries(
  path: string,
  from: Buffer,
  report: DamageReport,
): AsyncGenerator<readonly LevelEntry[], void> {
  const file = await open(path);
  try {
    let before: LevelEntry | undefined;
    for await (const { block, place } of blocksOf(file, path, from, report)) {
      const entries: LevelEntry[] = [];
      try {
        if (!isIntact(block)) {
          report(`${path} is damaged at byte ${place.offset}`);
        }
        for (const { key, value } of blockEntries(block)) {
          const entry = tableEntry(key, value);
          if (before !== undefined && compareEntries(before, entry) >= 0) {
            throw new LevelDamage("keys are out of order");
          }
          before = entry;
          entries.push(entry);
        }
      } catch (error) {
        reportDamage(error, `${path} is damaged at byte ${place.offset}`, report);
      }
      yield entries;
    }
  } finally {
    await file.close();
  }
}

async function* blocksOf(file: FileHandle, path: string, from: Buffer, report: DamageReport) {
  const { size } = await file.stat();
  let places: BlockPlace[];
  try {
    places = await readIndex(file, size, from);
  } catch (error) {
    reportDamage(error, `the index of ${path} is damaged`, report);
    yield* findBlocks(file, path, size, report);
    return;
  }
  for (const place of places) {
    try {
      yield { block: await readAt(file, place, size), place };
    } catch (error) {
      reportDamage(error, `${path} cannot be read at byte ${place.offset}`, report);
    }
  }
}

/** The positions of those blocks of a table that may have keys from `from` on. */
async function readIndex(file: FileHandle, size: number, from: Buffer): Promise<BlockPlace[]> {
  const footer = Buffer.alloc(footerLength);
  const { bytesRead } = await file.read(footer, 0, footerLength, Math.max(0, size - footerLength));
  if (bytesRead < footerLength || footer.toString("hex", footerLength - 8) !== magic) {
    throw new LevelDamage("it does not end as a table");
  }
  const handles = new ByteReader(footer);
  readPlace(handles); // of the index of filters
  const index = await readAt(file, readPlace(handles), size);
  if (!isIntact(index)) {
    throw new LevelDamage("its checksum is wrong");
  }
  // Each key is at least as high as the last one of its block.
  return [...blockEntries(index)]
    .filter(({ key }) => Buffer.compare(key.subarray(0, -8), from) >= 0)
    .map(({ value }) => readPlace(new ByteReader(value)));
}

function readPlace(reader: ByteReader): BlockPlace {
  return { offset: reader.varint(), length: reader.varint() };
}

async function readAt(file: FileHandle, { offset, length }: BlockPlace, size: number) {
  const bytes = length + trailerLength;
  if (length > maxBlockBytes || offset + bytes > size) {
    throw new LevelDamage("it ends too early");
  }
  const block = Buffer.allocUnsafe(bytes);
  for (let done = 0; done < bytes; ) {
    const { bytesRead } = await file.read(block, done, bytes - done, offset + done);
    if (bytesRead === 0) {
      throw new LevelDamage("it ends too early");
    }
    done += bytesRead;
  }
  return block;
}

/** The blocks of a table whose index is damaged: they follow one another. */
async function* findBlocks(file: FileHandle, path: string, size: number, report: DamageReport) {
  if (size > maxBlockBytes) {
    return;
  }
  let bytes: Buffer;
  try {
    bytes = await file.readFile();
  } catch (error) {
    reportDamage(error, `${path} cannot be read`, report);
    return;
  }
  for (let offset = 0; ; ) {
    const length = blockLength(bytes.subarray(offset));
    if (length === undefined) {
      return;
    }
    const place = { offset, length: length - trailerLength };
    yield { block: bytes.subarray(offset, offset + length), place };
    offset += length;
  }
}

/** Reports damage, of the bytes or of the disk. Throws any other error. */
export function reportDamage(error: unknown, damage: string, report: DamageReport): void {
  const { code } = error as NodeJS.ErrnoException;
  if (!(error instanceof LevelDamage) && code !== "EIO") {
    throw error;
  }
  report(damage);
}
