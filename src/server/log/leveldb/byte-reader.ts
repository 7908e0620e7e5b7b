/** Bytes are not as LevelDB wrote them. */
export class LevelDamage extends Error {}

/** Reads LevelDB's numbers and strings one by one. Throws `LevelDamage` at the end. */
export class ByteReader {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.at;
  }

  /** The next bytes, as a view. */
  take(length: number): Buffer {
    if (!(length <= this.left)) {
      throw new LevelDamage("it ends too early");
    }
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  /** A varint: seven bits a byte, low ones first. */
  varint(): number {
    let value = 0;
    for (let unit = 1; unit < 2 ** 53; unit *= 128) {
      const byte = this.take(1)[0]!;
      value += (byte & 127) * unit;
      if (byte < 128) {
        return value;
      }
    }
    throw new LevelDamage("a number is too large");
  }

  /** A string after its length. */
  string(): Buffer {
    return this.take(this.varint());
  }
}

/** A number of eight bytes, little-endian; LevelDB's own numbers stay below 2^53. */
export function uint64(bytes: Buffer, at: number): number {
  return bytes.readUIntLE(at, 6) + bytes.readUInt16LE(at + 6) * 2 ** 48;
}

/** A CRC-32C as LevelDB stores it: rotated, with a constant added to it. */
export function masked(sum: number): number {
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}
