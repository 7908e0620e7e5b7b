/** Whether the content type is that of a stream of the Connect protocol: envelopes. */
export function isConnectStream(contentType: string | null | undefined): contentType is string {
  return contentType?.startsWith("application/connect+") === true;
}

/** Finds the envelopes in a body, however it is divided into chunks. */
export class EnvelopeTracker {
  readonly #onFlags: (flags: number, offset: number) => void;
  readonly #prefix = new Uint8Array(5);
  #prefixLength = 0;
  #payload = 0;

  /** `onFlags` is called with each envelope's first byte, and its offset in the bytes that pass. */
  constructor(onFlags: (flags: number, offset: number) => void) {
    this.#onFlags = onFlags;
  }

  /** Whether the next byte begins an envelope. */
  get between(): boolean {
    return this.#prefixLength === 0 && this.#payload === 0;
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
      if (this.#prefixLength === 0) {
        this.#onFlags(byte, offset);
      }
      this.#prefix[this.#prefixLength++] = byte;
      offset++;
      if (this.#prefixLength === this.#prefix.length) {
        this.#prefixLength = 0;
        this.#payload = new DataView(this.#prefix.buffer).getUint32(1);
      }
    }
  }
}
