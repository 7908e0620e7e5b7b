import { ByteReader, LevelDamage } from "./byte-reader.js";

/** Maximum size of a decompressed block: far larger than any that was written. */
const maxUnpackedBytes = 64 * 1024 * 1024;

/** Decompresses what Snappy has compressed. Throws `LevelDamage` if it is incomplete. */
export function unpackSnappy(packed: Buffer): Buffer {
  const reader = new ByteReader(packed);
  const length = reader.varint();
  // A copy of 64 bytes takes three bytes: the input cannot yield more.
  if (length > maxUnpackedBytes || length > packed.length * 22) {
    throw new LevelDamage("a packed block says that it is larger than any");
  }
  const target = Buffer.allocUnsafe(length);
  let end = 0;
  while (reader.left > 0) {
    const tag = reader.take(1)[0]!;
    const high = tag >>> 2;
    if ((tag & 3) === 0) {
      const size = 1 + (high < 60 ? high : reader.take(high - 59).readUIntLE(0, high - 59));
      checkRoom(end + size <= length);
      end += reader.take(size).copy(target, end);
      continue;
    }
    const [size, distance] = copyOf(tag, reader);
    checkRoom(distance > 0 && distance <= end && end + size <= length);
    // Byte by byte: a copy may overlap its own output.
    for (const stop = end + size; end < stop; end++) {
      target[end] = target[end - distance]!;
    }
  }
  checkRoom(end === length);
  return target;
}

/** Length and distance of a copy. */
function copyOf(tag: number, reader: ByteReader): [number, number] {
  switch (tag & 3) {
    case 1:
      return [4 + ((tag >>> 2) & 7), ((tag >>> 5) << 8) | reader.take(1)[0]!];
    case 2:
      return [1 + (tag >>> 2), reader.take(2).readUInt16LE(0)];
    default:
      return [1 + (tag >>> 2), reader.take(4).readUInt32LE(0)];
  }
}

function checkRoom(isRight: boolean): void {
  if (!isRight) {
    throw new LevelDamage("a packed block is not whole");
  }
}
