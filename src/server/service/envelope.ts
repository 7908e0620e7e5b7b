import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";

/*
 * The envelope is the same in Connect, gRPC and gRPC-Web: one byte of flags, four bytes of
 * length (big-endian), the message. That is why the log can store messages inside theirs,
 * and a stream can send what is stored as it lies.
 */

/** Bytes before each message. */
export const envelopeHeadLength = 5;

/** Writes an envelope's head (flags 0) for a message of `length` bytes. */
export function writeEnvelopeHead(target: Uint8Array, offset: number, length: number): void {
  target[offset] = 0;
  target[offset + 1] = length >>> 24;
  target[offset + 2] = length >>> 16;
  target[offset + 3] = length >>> 8;
  target[offset + 4] = length;
}

/** The length that an envelope's head states. */
export function envelopeLength(bytes: Uint8Array, offset: number): number {
  return (
    bytes[offset + 1]! * 0x1000000 +
    ((bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 8) | bytes[offset + 4]!)
  );
}

/** Decodes a run of whole envelopes without compression. */
export function* decodeEnvelopes<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
): Generator<MessageShape<Desc>> {
  for (let offset = 0; offset < bytes.length; ) {
    const start = offset + envelopeHeadLength;
    offset = start + envelopeLength(bytes, offset);
    yield fromBinary(schema, bytes.subarray(start, offset));
  }
}
