import { GrowingBuffer } from "./growing-buffer.js";

/** Shorter chunks are copied together: a list of them would take more memory than they do. */
const shortBytes = 8 * 1024;

/**
 * Chunks of a body between two turns, delivered as one. A single chunk is passed on unchanged, long
 * ones are copied once, and short ones are collected as they arrive, so that nothing but bytes is
 * held.
 */
export class ReceivedChunks {
  #chunks: Uint8Array[] = [];
  /** What comes after the chunks. */
  #short: GrowingBuffer | undefined;
  #length = 0;

  /** In bytes. */
  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    if (this.#length === 0 || chunk.length >= shortBytes) {
      this.#endShort();
      this.#chunks.push(chunk);
    } else {
      this.#short ??= this.#beginShort();
      this.#short.append(chunk);
    }
    this.#length += chunk.length;
  }

  /**
   * Returns everything that has arrived, or the first part of it if that is more than `most` bytes:
   * never more than those. Call it only if there is something.
   */
  take(most = Number.POSITIVE_INFINITY): Uint8Array {
    this.#endShort();
    const chunks = this.#chunks;
    if (this.#length > most) {
      return this.#takeFirst(most);
    }
    this.clear();
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }

  /** Releases buffers of which the chunks are only a part. */
  compact(): void {
    this.#endShort();
    this.#chunks = this.#chunks.map((chunk) => Buffer.from(chunk));
  }

  clear(): void {
    this.#chunks = [];
    this.#short = undefined;
    this.#length = 0;
  }

  #takeFirst(most: number): Uint8Array {
    const first = this.#chunks[0]!;
    if (first.length > most) {
      this.#chunks[0] = first.subarray(most);
    } else {
      this.#chunks.shift();
    }
    const given = first.subarray(0, most);
    this.#length -= given.length;
    return given;
  }

  #beginShort(): GrowingBuffer {
    const short = new GrowingBuffer();
    if (this.#chunks.at(-1)!.length < shortBytes) {
      short.append(this.#chunks.pop()!); // The first one, which may be short too.
    }
    return short;
  }

  #endShort(): void {
    if (this.#short) {
      this.#chunks.push(this.#short.take());
      this.#short = undefined;
    }
  }
}
