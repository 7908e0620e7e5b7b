/**
 * A response's body that is available at once and in one chunk: its writer can send it with the
 * headers, and need not ask for more.
 */
export class WholeBody implements AsyncIterable<Uint8Array> {
  constructor(readonly bytes: Uint8Array) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    yield this.bytes;
  }
}
