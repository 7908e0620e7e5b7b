import { type FileHandle, open } from "node:fs/promises";
import { crc32c } from "../../encoding/crc32c.js";
import { masked } from "./byte-reader.js";
import { type DamageReport, reportDamage } from "./table.js";

/*
 * LevelDB's own logs and its list of tables consist of blocks of 32 KiB. A record is in one
 * fragment, or in several if it reaches the end of a block; each fragment has a checksum, its
 * length and its type: full, first, middle or last.
 */

const blockBytes = 32 * 1024;
const headerLength = 7;

const whole = 1;
const first = 2;
const last = 4;

/**
 * The records of such a file, in order. Damage is reported, and the rest of its block is left out;
 * so is an incomplete end, though that may just never have been written.
 */
export async function* readRecords(
  path: string,
  report: DamageReport,
): AsyncGenerator<Buffer, void> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    let pieces: Buffer[] | undefined;
    for (let offset = 0; offset < size; offset += blockBytes) {
      let block: Buffer;
      try {
        block = await readBlock(file, offset);
      } catch (error) {
        reportDamage(error, `${path} cannot be read at byte ${offset}`, report);
        pieces = undefined;
        continue;
      }
      for (const { at, kind, bytes } of piecesOf(block)) {
        const isNext = kind === whole || kind === first ? pieces === undefined : pieces;
        if (bytes === undefined || !isNext) {
          report(`${path} is damaged or breaks off at byte ${offset + at}`);
          pieces = undefined;
        }
        if (bytes === undefined) {
          continue;
        }
        if (kind === whole) {
          yield bytes;
        } else if (kind === first) {
          pieces = [bytes];
        } else {
          pieces?.push(bytes);
          if (kind === last && pieces !== undefined) {
            yield Buffer.concat(pieces);
            pieces = undefined;
          }
        }
      }
    }
    if (pieces !== undefined) {
      report(`${path} breaks off at its end`);
    }
  } finally {
    await file.close();
  }
}

async function readBlock(file: FileHandle, offset: number): Promise<Buffer> {
  const block = Buffer.allocUnsafe(blockBytes);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(block, length, blockBytes - length, offset + length);
    length += bytesRead;
    if (bytesRead === 0 || length === blockBytes) {
      return block.subarray(0, length);
    }
  }
}

/** The fragments of a block; the bytes of a damaged one are undefined, and none follows it. */
function* piecesOf(block: Buffer) {
  let at = 0;
  while (at + headerLength <= block.length) {
    const length = block.readUInt16LE(at + 4);
    const kind = block[at + 6]!;
    const end = at + headerLength + length;
    if (kind === 0 && length === 0) {
      return; // preallocated space
    }
    const isRight =
      kind >= whole &&
      kind <= last &&
      end <= block.length &&
      masked(crc32c(block.subarray(at + 6, end))) === block.readUInt32LE(at);
    yield { at, kind, bytes: isRight ? block.subarray(at + headerLength, end) : undefined };
    if (!isRight) {
      return;
    }
    at = end;
  }
  if (block.subarray(at).some((byte) => byte !== 0)) {
    yield { at, kind: 0, bytes: undefined };
  }
}
