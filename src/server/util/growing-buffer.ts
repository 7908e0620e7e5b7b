const none = new Uint8Array(0);

/** How many bytes the first buffer has room for at least, or for all that is to come. */
const leastCapacity = 1024;

/**
 * Bytes that come in chunks, copied into one buffer as they come: it holds no chunk, however
 * small they are, and no more than twice what has come. It grows by doubling, so that the whole
 * costs two copies at most.
 */
export class GrowingBuffer {
  #buffer: Uint8Array = none;
  #length = 0;

  /** How many bytes have come. */
  get length(): number {
    return this.#length;
  }

  /** What has come; good until the next change. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /**
   * Adds a chunk.
   *
   * @param announced how many bytes there will be in all, if that is known: no room is made for
   *   more. A promise alone gets no room: nothing need come.
   */
  append(chunk: Uint8Array, announced = Number.POSITIVE_INFINITY): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#buffer.length) {
      const room = Math.min(announced, Math.max(2 * needed, leastCapacity));
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, room));
      grown.set(this.bytes);
      this.#buffer = grown;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = needed;
  }

  /** Gives what has come away, and is empty again. */
  take(): Uint8Array {
    const { bytes } = this;
    this.clear();
    return bytes;
  }

  clear(): void {
    this.#buffer = none;
    this.#length = 0;
  }
}
