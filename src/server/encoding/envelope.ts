import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";

/*
 * The envelope is the same in Connect, gRPC and gRPC-Web: one byte of flags, four bytes of length
 * (big-endian), the message. So the log can store messages in their envelopes, and a stream can
 * send stored bytes verbatim.
 */

/** Bytes before each message. */
export const envelopePrefixLength = 5;

/** Writes an envelope's prefix (flags 0) for a message of `length` bytes. */
export function writeEnvelopePrefix(target: Uint8Array, offset: number, length: number): void {
  target[offset] = 0;
  target[offset + 1] = length >>> 24;
  target[offset + 2] = length >>> 16;
  target[offset + 3] = length >>> 8;
  target[offset + 4] = length;
}

/** The length of the message whose envelope begins at `offset`. */
export function envelopeLength(bytes: Uint8Array, offset: number): number {
  return (
    bytes[offset + 1]! * 0x1000000 +
    ((bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 8) | bytes[offset + 4]!)
  );
}

/** Where the envelope that begins at `offset` ends: where the next one begins. */
export function envelopeEnd(bytes: Uint8Array, offset: number): number {
  return offset + envelopePrefixLength + envelopeLength(bytes, offset);
}

/** How many envelopes there are in `bytes`. */
export function countEnvelopes(bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at = envelopeEnd(bytes, at)) {
    count++;
  }
  return count;
}

/**
 * Encodes messages, each in an envelope as Connect, gRPC and gRPC-Web send it: a batch for
 * `respond`.
 */
export function encodeEnvelopes<Desc extends DescMessage>(
  schema: Desc,
  messages: Iterable<MessageInitShape<Desc>>,
): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const init of messages) {
    const message = toBinary(schema, create(schema, init));
    const prefix = new Uint8Array(envelopePrefixLength);
    writeEnvelopePrefix(prefix, 0, message.length);
    parts.push(prefix, message);
  }
  return Buffer.concat(parts);
}

/** Decodes complete envelopes, one after the other, without compression. */
export function* decodeEnvelopes<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
): Generator<MessageShape<Desc>> {
  for (let offset = 0; offset < bytes.length; ) {
    const start = offset + envelopePrefixLength;
    offset = envelopeEnd(bytes, offset);
    yield fromBinary(schema, bytes.subarray(start, offset));
  }
}
