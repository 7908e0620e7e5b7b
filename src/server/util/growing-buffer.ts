const none = new Uint8Array(0);

/** Minimum capacity of the first buffer in bytes, or all that is announced. */
const leastCapacity = 1024;

/**
 * Bytes that arrive in chunks, copied into one buffer as they arrive: it holds no chunks, however
 * small they are, and no more than twice what has arrived. It grows by doubling, so that everything
 * is copied twice at most.
 */
export class GrowingBuffer {
  #buffer: Uint8Array = none;
  #length = 0;

  /** How many bytes have arrived. */
  get length(): number {
    return this.#length;
  }

  /** What has arrived; valid until the next change. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /**
   * Adds a chunk.
   *
   * @param announced how many bytes there will be in all, if that is known: no room is made for
   * more. An announcement alone gets no room, because nothing need arrive.
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

  /** Returns what has arrived, and is empty again. */
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
