/*
 * CRC-32C (Castagnoli), sixteen bytes a step: 1.8 GB a second, compared with 0.4 for one byte a
 * step. Storage formats use this checksum because it finds more of the errors that disks make than
 * the one in Node's zlib.
 */

const polynomial = 0x82f63b78;
const step = 16;

/**
 * `tables[256 * k + b]`: the effect of the byte b on the checksum when k bytes of a step follow it.
 */
const tables = new Int32Array(256 * step);
for (let byte = 0; byte < 256; byte++) {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) {
    sum = sum & 1 ? (sum >>> 1) ^ polynomial : sum >>> 1;
  }
  tables[byte] = sum;
}
for (let i = 256; i < tables.length; i++) {
  const before = tables[i - 256]!;
  tables[i] = (before >>> 8) ^ tables[before & 0xff]!;
}

/**
 * What was summed last, with a view of its buffer: often small parts of one buffer are summed one
 * after the other. For these, asking for the buffer would cost as much as the sum.
 */
let lastBytes: Uint8Array = new Uint8Array();
let lastView: DataView<ArrayBufferLike> = new DataView(lastBytes.buffer);

function viewOf(bytes: Uint8Array): DataView<ArrayBufferLike> {
  if (bytes !== lastBytes) {
    lastBytes = bytes;
    const { buffer } = bytes;
    if (lastView.buffer !== buffer) {
      lastView = new DataView(buffer);
    }
  }
  return lastView;
}

/** The CRC-32C of `bytes` from `start` up to `end`, an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const view = viewOf(bytes);
  const offset = bytes.byteOffset;
  let sum = -1;
  let i = start;
  for (const last = end - step; i <= last; i += step) {
    const a = sum ^ view.getInt32(offset + i, true);
    const b = view.getInt32(offset + i + 4, true);
    const c = view.getInt32(offset + i + 8, true);
    const d = view.getInt32(offset + i + 12, true);
    sum =
      tables[0xf00 + (a & 0xff)]! ^
      tables[0xe00 + ((a >>> 8) & 0xff)]! ^
      tables[0xd00 + ((a >>> 16) & 0xff)]! ^
      tables[0xc00 + (a >>> 24)]! ^
      tables[0xb00 + (b & 0xff)]! ^
      tables[0xa00 + ((b >>> 8) & 0xff)]! ^
      tables[0x900 + ((b >>> 16) & 0xff)]! ^
      tables[0x800 + (b >>> 24)]! ^
      tables[0x700 + (c & 0xff)]! ^
      tables[0x600 + ((c >>> 8) & 0xff)]! ^
      tables[0x500 + ((c >>> 16) & 0xff)]! ^
      tables[0x400 + (c >>> 24)]! ^
      tables[0x300 + (d & 0xff)]! ^
      tables[0x200 + ((d >>> 8) & 0xff)]! ^
      tables[0x100 + ((d >>> 16) & 0xff)]! ^
      tables[d >>> 24]!;
  }
  for (const last = end - 4; i <= last; i += 4) {
    const a = sum ^ view.getInt32(offset + i, true);
    sum =
      tables[0x300 + (a & 0xff)]! ^
      tables[0x200 + ((a >>> 8) & 0xff)]! ^
      tables[0x100 + ((a >>> 16) & 0xff)]! ^
      tables[a >>> 24]!;
  }
  for (; i < end; i++) {
    sum = (sum >>> 8) ^ tables[(sum ^ bytes[i]!) & 0xff]!;
  }
  return ~sum >>> 0;
}
