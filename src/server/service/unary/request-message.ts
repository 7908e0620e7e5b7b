import { envelopeEnd, envelopePrefixLength } from "../../encoding/envelope.js";
import { type Unread, uncounted } from "../../limits/unread-bytes.js";
import { isEnd } from "../../util/chunk-result.js";
import { GrowingBuffer } from "../../util/growing-buffer.js";
import type { Form } from "./request-form.js";

/** The result of reading a request: its one message, or its body, for Connect to read. */
export type Received =
  | { readonly bytes: Uint8Array; readonly body?: undefined }
  | { readonly bytes?: undefined; readonly body: AsyncIterable<Uint8Array> };

/**
 * Reads the body of a unary call, which should have one message that is not compressed. If the body
 * has more, less or an error, reading stops: the returned body begins with the bytes that have
 * arrived.
 *
 * @param maxBytes of the message
 * @param unread counts the collected bytes. Default: they are not counted
 */
export async function readUnaryMessage(
  body: AsyncIterable<Uint8Array>,
  { protocolName }: Form,
  maxBytes: number,
  unread: Unread = uncounted,
): Promise<Received> {
  const hasEnvelope = protocolName !== "connect";
  const rest = body[Symbol.asyncIterator]();
  const collected = new CollectedBody(unread);
  try {
    for (;;) {
      const next = await rest.next();
      if (!next.done) {
        collected.add(next.value, isEnd(next));
      }
      const { bytes } = collected;
      if (isEnd(next)) {
        const message = hasEnvelope ? onlyMessageIn(bytes) : bytes;
        return message ? { bytes: message } : { body: joined(bytes) };
      }
      if (bytes.length > (hasEnvelope ? envelopeBytes(bytes, maxBytes) : maxBytes)) {
        return { body: joined(bytes, rest) };
      }
    }
  } catch (error) {
    return { body: joined(collected.bytes, failing(error)) };
  } finally {
    collected.release();
  }
}

/** A body that is collected. A body of a single chunk is neither copied nor counted. */
class CollectedBody {
  bytes: Uint8Array = new Uint8Array(0);
  readonly #buffer = new GrowingBuffer();
  readonly #unread: Unread;

  constructor(unread: Unread) {
    this.#unread = unread;
  }

  /** Throws `resource_exhausted` if too many received bytes are not processed yet. */
  add(chunk: Uint8Array, isLast: boolean): void {
    if (isLast && this.bytes.length === 0) {
      this.bytes = chunk;
      return;
    }
    this.#buffer.append(chunk);
    this.bytes = this.#buffer.bytes;
    const tooMuch = this.#unread.add(chunk.length);
    if (tooMuch) {
      throw tooMuch;
    }
  }

  /** The message was used: its bytes are not counted any more. */
  release(): void {
    this.#unread.remove(this.#buffer.length);
  }
}

/** How long a body that begins with these bytes may be, if it has one message within the limit. */
function envelopeBytes(bytes: Uint8Array, maxBytes: number): number {
  if (bytes.length < envelopePrefixLength) {
    return envelopePrefixLength;
  }
  const end = envelopeEnd(bytes, 0);
  return end > envelopePrefixLength + maxBytes ? 0 : end;
}

/** The message of a body that has one envelope, with no flags. */
function onlyMessageIn(bytes: Uint8Array): Uint8Array | undefined {
  const isOne =
    bytes.length >= envelopePrefixLength &&
    bytes[0] === 0 &&
    envelopeEnd(bytes, 0) === bytes.length;
  return isOne ? bytes.subarray(envelopePrefixLength) : undefined;
}

async function* joined(
  first: Uint8Array,
  rest?: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  if (rest) {
    yield* { [Symbol.asyncIterator]: () => rest };
  }
}

// biome-ignore lint/correctness/useYield: it has nothing but the error
async function* failing(error: unknown): AsyncGenerator<never> {
  throw error;
}
