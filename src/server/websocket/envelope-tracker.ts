/** Whether the content type is that of a stream of the Connect protocol: envelopes. */
export function isConnectStream(contentType: string | null | undefined): contentType is string {
  return contentType?.startsWith("application/connect+") === true;
}

/** Follows a body of envelopes, however it is cut. */
export class EnvelopeTracker {
  readonly #onFlags: (flags: number, offset: number) => void;
  readonly #head = new Uint8Array(5);
  #headLength = 0;
  #payload = 0;

  /** `onFlags` hears each envelope's first byte, and where it is in the bytes that pass. */
  constructor(onFlags: (flags: number, offset: number) => void) {
    this.#onFlags = onFlags;
  }

  /** Whether the next byte begins an envelope. */
  get between(): boolean {
    return this.#headLength === 0 && this.#payload === 0;
  }

  pass(chunk: Uint8Array): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#payload > 0) {
        const taken = Math.min(this.#payload, chunk.length - offset);
        this.#payload -= taken;
        offset += taken;
        continue;
      }
      const byte = chunk[offset] ?? 0;
      if (this.#headLength === 0) {
        this.#onFlags(byte, offset);
      }
      this.#head[this.#headLength++] = byte;
      offset++;
      if (this.#headLength === this.#head.length) {
        this.#headLength = 0;
        this.#payload = new DataView(this.#head.buffer).getUint32(1);
      }
    }
  }
}
