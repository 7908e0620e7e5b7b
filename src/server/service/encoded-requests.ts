import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { MessageCount } from "./call.js";
import { envelopeHeadLength, envelopeLength } from "./envelope.js";

const compressedFlag = 1;
/** Connect's mark of the end-of-stream envelope, which a client does not send. */
const connectEndFlag = 2;

/**
 * Splits a body of envelopes, all that a chunk holds in one pass, and reads each message.
 * Errors are those of Connect's own pipeline.
 *
 * @param maxBytes of one message
 * @param count counts the messages
 */
export async function* splitMessages<T>(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  protocolName: string,
  read: (message: Uint8Array) => T,
  count: MessageCount = { received: 0, sent: 0 },
): AsyncGenerator<T[]> {
  let pieces: Uint8Array[] = [];
  let pieceBytes = 0;
  let needed = envelopeHeadLength;
  for await (const chunk of body) {
    pieces.push(chunk);
    pieceBytes += chunk.length;
    if (pieceBytes < needed) {
      continue; // Joined once, however small the pieces of a message are.
    }
    const bytes = pieces.length === 1 ? chunk : Buffer.concat(pieces);
    const messages: T[] = [];
    let failure: { error: unknown } | undefined;
    let offset = 0;
    needed = envelopeHeadLength;
    try {
      while (bytes.length - offset >= envelopeHeadLength) {
        const length = envelopeLength(bytes, offset);
        checkLength(length, maxBytes);
        const start = offset + envelopeHeadLength;
        if (bytes.length - start < length) {
          needed += length;
          break;
        }
        const flags = bytes[offset]!;
        if (isMessage(flags, protocolName)) {
          messages.push(read(bytes.subarray(start, start + length)));
        }
        offset = start + length;
      }
    } catch (error) {
      failure = { error };
    }
    if (messages.length > 0) {
      count.received += messages.length;
      yield messages; // What came before a faulty one in the same stream is stored.
    }
    if (failure) {
      throw failure.error;
    }
    pieceBytes = bytes.length - offset;
    pieces = pieceBytes > 0 ? [bytes.subarray(offset)] : []; // Else the next is copied for it.
  }
  if (pieceBytes > 0) {
    throw new ConnectError("protocol error: incomplete envelope", Code.InvalidArgument);
  }
}

/**
 * The same body, cut before a message that is too long: Connect's own pipeline takes no
 * message from a piece that has such a one, though what came before it is to be stored.
 */
export async function* cutBeforeTooLong(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  const head = new Uint8Array(envelopeHeadLength);
  let headBytes = 0;
  let messageBytesLeft = 0;
  for await (const chunk of body) {
    let from = 0;
    for (let at = 0; at < chunk.length; ) {
      if (messageBytesLeft > 0) {
        const step = Math.min(messageBytesLeft, chunk.length - at);
        messageBytesLeft -= step;
        at += step;
        continue;
      }
      head[headBytes++] = chunk[at++]!;
      if (headBytes === envelopeHeadLength) {
        headBytes = 0;
        messageBytesLeft = envelopeLength(head, 0);
        const start = at - envelopeHeadLength;
        if (messageBytesLeft > maxBytes && start > from) {
          yield chunk.subarray(from, start);
          from = start;
        }
      }
    }
    yield chunk.subarray(from);
  }
}

/** Reads a message by the generated schema, with the error that Connect would have given. */
export function parse<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConnectError(`parse binary: ${reason}`, Code.Internal);
  }
}

function checkLength(length: number, maxBytes: number): void {
  if (length > maxBytes) {
    throw new ConnectError(
      `message size ${length} is larger than configured readMaxBytes ${maxBytes}`,
      Code.ResourceExhausted,
    );
  }
}

function isMessage(flags: number, protocolName: string): boolean {
  if ((flags & compressedFlag) !== 0) {
    throw new ConnectError(
      "received compressed envelope, but do not know how to decompress",
      Code.Internal,
    );
  }
  return !(protocolName === "connect" && (flags & connectEndFlag) !== 0);
}
