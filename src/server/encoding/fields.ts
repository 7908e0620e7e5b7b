/*
 * Protobuf's wire format, written and read by hand: for the most frequent messages, because
 * generated code takes several times as long.
 */

const wireType = { varint: 0, bits64: 1, bytes: 2, bits32: 5 } as const;

/** The tag of a varint field, for field numbers up to 15: one byte. */
export function numberTag(field: number): number {
  return (field << 3) | wireType.varint;
}

/** The tag of a field of bytes, a text or a message, for field numbers up to 15: one byte. */
export function bytesTag(field: number): number {
  return (field << 3) | wireType.bytes;
}

/** Bytes of a number as a varint. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest /= 128) {
    size++;
  }
  return size;
}

/** Bytes of a varint field. */
export function numberSize(value: number): number {
  return 1 + varintSize(value);
}

/** Bytes of a field with a content of this many bytes. */
export function bytesSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** Writes a number as a varint at `offset` and returns where it ends. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) {
    target[at++] = (rest % 128) | 128;
  }
  for (; rest > 127; rest >>>= 7) {
    target[at++] = (rest & 127) | 128;
  }
  target[at++] = rest;
  return at;
}

/** Writes a varint field at `offset` and returns where it ends. */
export function writeNumber(
  target: Uint8Array,
  offset: number,
  tag: number,
  value: number,
): number {
  target[offset] = tag;
  return writeVarint(target, offset + 1, value);
}

/**
 * Writes a text field at `offset` and returns where it ends.
 *
 * @param bytes the text's length in UTF-8
 */
export function writeText(
  target: Buffer,
  offset: number,
  tag: number,
  text: string,
  bytes: number,
): number {
  target[offset] = tag;
  const start = writeVarint(target, offset + 1, bytes);
  target.write(text, start, bytes, "utf8");
  return start + bytes;
}

/**
 * The number at `offset`, and where it ends; undefined if the bytes end before it does, or if it is
 * longer than a sequence or a time can be.
 */
export function varintAt(bytes: Uint8Array, offset: number) {
  let value = 0;
  let at = offset;
  for (let factor = 1; at < offset + 6; factor *= 128) {
    const byte = bytes[at++];
    if (byte === undefined) {
      return undefined;
    }
    value += (byte & 127) * factor;
    if (byte < 128) {
      return { value, end: at };
    }
  }
  return undefined;
}

/**
 * The length at `offset`, and where a content of that length ends; undefined as with `varintAt`.
 */
export function lengthAt(bytes: Uint8Array, offset: number) {
  const length = varintAt(bytes, offset);
  return length && { value: length.value, end: length.end + length.value };
}

/**
 * Where a field begins in a message between two offsets; `end` if the message has no such field.
 */
export function findField(bytes: Uint8Array, start: number, end: number, field: number): number {
  let at = start;
  while (at < end && bytes[at]! >> 3 !== field) {
    at = skipField(bytes, at);
  }
  return at;
}

/** Where the field that begins here ends, for field numbers up to 15. */
export function skipField(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  switch (bytes[start]! & 7) {
    case wireType.varint:
      while (bytes[at++]! > 127) {}
      return at;
    case wireType.bits64:
      return at + 8;
    case wireType.bits32:
      return at + 4;
    default: {
      let length = 0;
      let shift = 0;
      for (; bytes[at]! > 127; at++, shift += 7) {
        length |= (bytes[at]! & 127) << shift;
      }
      return at + 1 + (length | (bytes[at]! << shift));
    }
  }
}

/** Reads fields one after the other. */
export class FieldReader {
  readonly #bytes: Buffer;
  /** The current offset. */
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** The next number. Missing bytes at the end count as zeros: check the offset after it. */
  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) {
        return value;
      }
    }
  }

  /** The text from here to `end`. A byte order mark is kept. */
  text(end: number): string {
    return this.#bytes.toString("utf8", this.at, end);
  }
}
