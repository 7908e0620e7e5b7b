import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { envelopePrefixLength } from "../../encoding/envelope.js";
import { type Unread, uncounted } from "../../limits/unread-bytes.js";
import { GrowingBuffer } from "../../util/growing-buffer.js";
import type { MessageCount } from "../call/call.js";
import { compressedWithoutEncoding, incompleteEnvelope, malformedMessage } from "../call/errors.js";
import { EnvelopeSplitter } from "./envelope-splitter.js";

const compressedFlag = 1;
/** The flags of the envelope that ends a response. One in a request is ignored. */
const endFlags: Readonly<Record<string, number>> = { connect: 0x02, "grpc-web": 0x80 };

/** How a body of envelopes is read. */
export interface SplitOptions {
  /** The maximum size of one message. */
  readonly maxBytes: number;
  readonly protocolName: string;
  /** Counts the messages. Default: they are not counted. */
  readonly count?: MessageCount | undefined;
  /** Counts the bytes of incomplete messages. Default: they are not counted. */
  readonly unread?: Unread;
}

/**
 * Splits a body of envelopes, all in a chunk in one pass, and decodes each message. Errors are
 * those of Connect's own pipeline.
 */
export function splitMessages<T>(
  body: AsyncIterable<Uint8Array>,
  read: (message: Uint8Array) => T,
  options: SplitOptions,
): AsyncIterableIterator<T[]> {
  return new SplitMessages(body[Symbol.asyncIterator](), read, options);
}

/** Not a generator, which would cost more than the work on a message. */
class SplitMessages<T> implements AsyncIterableIterator<T[]> {
  readonly #body: AsyncIterator<Uint8Array>;
  readonly #read: (message: Uint8Array) => T;
  readonly #options: SplitOptions;
  readonly #envelopes: EnvelopeSplitter;
  /** What ends the messages when those before it are delivered. */
  #failure: { readonly error: unknown } | undefined;
  #isOver = false;
  /** Who waits for the next messages. */
  #consumer:
    | { resolve(result: IteratorResult<T[]>): void; reject(reason: unknown): void }
    | undefined;

  constructor(
    body: AsyncIterator<Uint8Array>,
    read: (message: Uint8Array) => T,
    options: SplitOptions,
  ) {
    this.#body = body;
    this.#read = read;
    this.#options = options;
    this.#envelopes = new EnvelopeSplitter(options.maxBytes, options.unread ?? uncounted);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T[]>> {
    if (this.#isOver) {
      return Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve, reject) => {
      this.#consumer = { resolve, reject };
      this.#goOn();
    });
  }

  async return(): Promise<IteratorResult<T[]>> {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#envelopes.release();
      await this.#body.return?.();
    }
    return { done: true, value: undefined };
  }

  /** One promise for all chunks of a message: a peer can send it byte by byte. */
  #goOn(): void {
    if (this.#failure) {
      this.return().then(this.#fail, this.#fail);
    } else {
      this.#body.next().then(this.#onChunk, this.#onError);
    }
  }

  readonly #onChunk = (chunk: IteratorResult<Uint8Array>) => {
    if (chunk.done) {
      const { isCut } = this.#envelopes;
      this.#end();
      if (isCut) {
        this.#consumer?.reject(incompleteEnvelope());
      } else {
        this.#consumer?.resolve({ done: true, value: undefined });
      }
      return;
    }
    const messages = this.#split(chunk.value);
    if (messages.length > 0) {
      // What came before an invalid one in the same chunk is delivered first, to be stored.
      this.#consumer?.resolve({ done: false, value: messages });
    } else {
      this.#goOn();
    }
  };

  readonly #onError = (error: unknown) => {
    this.#end();
    this.#consumer?.reject(error);
  };

  readonly #fail = () => this.#consumer?.reject(this.#failure!.error);

  /** The body is over. */
  #end(): void {
    this.#isOver = true;
    this.#envelopes.release();
  }

  #split(chunk: Uint8Array): T[] {
    const envelopes = this.#envelopes;
    const { protocolName, count } = this.#options;
    const messages: T[] = [];
    try {
      envelopes.put(chunk);
      while (envelopes.advance()) {
        const { bytes, start, length } = envelopes;
        if (isMessage(bytes[start]!, protocolName)) {
          const from = start + envelopePrefixLength;
          messages.push(this.#read(bytes.subarray(from, from + length)));
        }
      }
    } catch (error) {
      this.#failure = { error };
    }
    const tooMuch = envelopes.count();
    if (tooMuch) {
      this.#failure ??= { error: tooMuch };
    }
    if (count) {
      count.received += messages.length;
    }
    return messages;
  }
}

/**
 * The same body in chunks of whole envelopes, for Connect's own pipeline, which would keep the
 * parts of a message chunk by chunk. The body is also cut before a message that is too long: the
 * pipeline takes no message from a chunk with such a message, but those before it must be stored.
 */
export async function* wholeEnvelopes(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  unread: Unread = uncounted,
): AsyncGenerator<Uint8Array> {
  const envelopes = new EnvelopeSplitter(maxBytes, unread);
  let isTooLong = false;
  try {
    for await (const chunk of body) {
      if (isTooLong) {
        yield chunk; // The pipeline has what it needs to report the error.
        continue;
      }
      let from = 0;
      let to = 0;
      envelopes.put(chunk);
      try {
        while (envelopes.advance()) {
          to = envelopes.offset;
          if (envelopes.bytes !== chunk) {
            yield envelopes.bytes;
            from = to;
          }
        }
      } catch {
        isTooLong = true;
      }
      if (to > from) {
        yield chunk.subarray(from, to);
      }
      if (isTooLong) {
        yield envelopes.rest;
      }
      const tooMuch = envelopes.count();
      if (tooMuch) {
        throw tooMuch;
      }
    }
    if (envelopes.isCut && !isTooLong) {
      yield envelopes.rest; // The pipeline reports that it is incomplete.
    }
  } finally {
    envelopes.release();
  }
}

/**
 * The same body in one chunk, for a pipeline that would collect it anyway, but chunk by chunk. If a
 * body is too long, what has arrived of it is passed on, so that the pipeline reports the error.
 */
export async function* wholeBody(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  unread: Unread = uncounted,
): AsyncGenerator<Uint8Array> {
  const whole = new GrowingBuffer();
  let only: Uint8Array | undefined;
  let counted = 0;
  try {
    for await (const chunk of body) {
      counted += chunk.length;
      const tooMuch = unread.add(chunk.length);
      if (tooMuch) {
        throw tooMuch;
      }
      if (counted === chunk.length && counted <= maxBytes) {
        only = chunk; // Not copied, if it is the only one.
        continue;
      }
      if (only) {
        whole.append(only, maxBytes);
        only = undefined;
      }
      whole.append(chunk, maxBytes);
      if (whole.length > maxBytes) {
        yield whole.take();
      }
    }
    unread.remove(counted);
    counted = 0;
    yield only ?? whole.take();
  } finally {
    unread.remove(counted);
  }
}

/** Decodes a message by the generated schema, with the error that Connect would have made. */
export function parse<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw malformedMessage({ reason });
  }
}

function isMessage(flags: number, protocolName: string): boolean {
  if (flags === 0) {
    return true;
  }
  if ((flags & compressedFlag) !== 0) {
    throw compressedWithoutEncoding();
  }
  return (flags & (endFlags[protocolName] ?? 0)) === 0;
}
