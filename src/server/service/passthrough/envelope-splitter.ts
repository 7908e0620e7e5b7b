import type { ConnectError } from "@connectrpc/connect";
import { envelopeLength, envelopePrefixLength } from "../../encoding/envelope.js";
import { type Unread, uncounted } from "../../limits/unread-bytes.js";
import { GrowingBuffer } from "../../util/growing-buffer.js";
import { largeMessage } from "../call/errors.js";

/**
 * Finds the envelopes in a body, however it is divided into chunks. Complete ones stay in place; an
 * envelope that spans chunks is assembled in a buffer of its own, whose bytes are counted as
 * unread.
 */
export class EnvelopeSplitter {
  /** The envelope that was found last: its prefix at `start`, then `length` bytes. */
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  length = 0;

  readonly #maxBytes: number;
  readonly #unread: Unread;
  readonly #partial = new GrowingBuffer();
  /** The length of the incomplete one: that of its prefix, until the prefix is known. */
  #needed = envelopePrefixLength;
  #chunk: Uint8Array = this.bytes;
  #offset = 0;
  #counted = 0;

  /** `maxBytes` limits one message. */
  constructor(maxBytes: number, unread: Unread = uncounted) {
    this.#maxBytes = maxBytes;
    this.#unread = unread;
  }

  /** Whether an envelope has begun and is not complete yet. */
  get isCut(): boolean {
    return this.#partial.length > 0;
  }

  /** How far the chunk has been examined: up to the end of the envelope that was found last. */
  get offset(): number {
    return this.#offset;
  }

  /** What has arrived of the incomplete one, and what was not examined yet. */
  get rest(): Uint8Array {
    return Buffer.concat([this.#partial.bytes, this.#chunk.subarray(this.#offset)]);
  }

  /** The next chunk of the body. The previous one must be finished. */
  put(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#offset = 0;
  }

  /**
   * Moves to the next envelope; false if the rest is not a complete one. Throws
   * `resource_exhausted` for a message that is too long.
   */
  advance(): boolean {
    return this.isCut ? this.#complete() : this.#find();
  }

  /** Counts the incomplete one. Returns the error to end with if that is too much. */
  count(): ConnectError | undefined {
    const change = this.#partial.length - this.#counted;
    this.#counted += change;
    if (change > 0) {
      return this.#unread.add(change);
    }
    this.#unread.remove(-change);
    return undefined;
  }

  /** Releases the incomplete one. */
  release(): void {
    this.#partial.clear();
    this.count();
  }

  #find(): boolean {
    const chunk = this.#chunk;
    const offset = this.#offset;
    const left = chunk.length - offset - envelopePrefixLength;
    if (left < 0) {
      this.#keep(envelopePrefixLength);
      return false;
    }
    const length = envelopeLength(chunk, offset);
    this.#check(length);
    if (left < length) {
      this.#keep(envelopePrefixLength + length);
      return false;
    }
    this.bytes = chunk;
    this.start = offset;
    this.length = length;
    this.#offset = offset + envelopePrefixLength + length;
    return true;
  }

  #complete(): boolean {
    if (!this.#fill()) {
      return false;
    }
    if (this.#needed === envelopePrefixLength) {
      const length = envelopeLength(this.#partial.bytes, 0);
      this.#check(length);
      this.#needed += length;
      if (!this.#fill()) {
        return false;
      }
    }
    this.bytes = this.#partial.take();
    this.start = 0;
    this.length = this.#needed - envelopePrefixLength;
    return true;
  }

  #keep(needed: number): void {
    this.#needed = needed;
    this.#fill();
  }

  /** Takes what is needed from the chunk, if it has that much. */
  #fill(): boolean {
    const missing = this.#needed - this.#partial.length;
    const part = this.#chunk.subarray(this.#offset, this.#offset + missing);
    this.#partial.append(part, this.#needed);
    this.#offset += part.length;
    return part.length === missing;
  }

  #check(length: number): void {
    if (length > this.#maxBytes) {
      throw largeMessage({ most: this.#maxBytes.toLocaleString("en") });
    }
  }
}
