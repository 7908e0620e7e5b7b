/*
 * CRC-32C (Castagnoli), eight bytes a step. Node's zlib has only the other CRC-32, and not
 * before Node 22; CRC-32C is the one that storage formats use, as it finds more of the
 * errors that disks make.
 */

const polynomial = 0x82f63b78;
const slices = 8;

/** `tables[256 * k + b]`: what the byte b does to the sum when k bytes follow it. */
const tables = new Int32Array(256 * slices);
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

/** The CRC-32C of `bytes` from `start` to `end`, an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let sum = -1;
  let i = start;
  for (const stop = end - 7; i < stop; i += 8) {
    const low =
      sum ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    sum =
      tables[1792 + (low & 0xff)]! ^
      tables[1536 + ((low >>> 8) & 0xff)]! ^
      tables[1280 + ((low >>> 16) & 0xff)]! ^
      tables[1024 + (low >>> 24)]! ^
      tables[768 + bytes[i + 4]!]! ^
      tables[512 + bytes[i + 5]!]! ^
      tables[256 + bytes[i + 6]!]! ^
      tables[bytes[i + 7]!]!;
  }
  for (; i < end; i++) {
    sum = (sum >>> 8) ^ tables[(sum ^ bytes[i]!) & 0xff]!;
  }
  return ~sum >>> 0;
}
