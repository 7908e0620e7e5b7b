import { aheadOfCredit, noMore } from "../../protocol/tunnel.js";
import type { WebSocketLike } from "./socket.js";

/** Longest chunk of body in one message: messages after it are not delayed for long. */
const chunkLimit = 64 * 1024;

/**
 * Sends a request's body, chunk by chunk, and then `null`. It respects the server's credit: sockets
 * in browsers accept any amount and cannot say when they have room again, and our own credit, on
 * the same socket, must not wait behind body that nobody reads.
 */
export class Upload {
  readonly #socket: WebSocketLike;
  readonly #iterator: AsyncIterator<Uint8Array> | undefined;
  #credit = aheadOfCredit;
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(socket: WebSocketLike, body: AsyncIterable<Uint8Array> | undefined) {
    this.#socket = socket;
    this.#iterator = body?.[Symbol.asyncIterator]();
  }

  /** The server accepts this many more bytes. */
  give(bytes: number): void {
    this.#credit += bytes;
    this.#wake?.();
  }

  /** Resolves when everything is sent, or after {@link stop}; rejects with the body's error. */
  async run(): Promise<void> {
    for (;;) {
      const result = await this.#iterator?.next();
      if (this.#stopped) {
        return;
      }
      if (result === undefined || result.done === true) {
        this.#socket.send(noMore);
        return;
      }
      await this.#send(result.value);
    }
  }

  /** Sends no more, and notifies the body. */
  stop(): void {
    if (!this.#stopped) {
      this.#stopped = true;
      this.#wake?.();
      // Not awaited: a body that waits for something returns only when it has come. Its errors do
      // not matter any more.
      this.#iterator?.return?.()?.catch(() => {});
    }
  }

  async #send(chunk: Uint8Array): Promise<void> {
    let rest = chunk;
    while (rest.length > 0 && !this.#stopped) {
      if (this.#credit === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      const chunk = rest.subarray(0, Math.min(this.#credit, chunkLimit));
      this.#credit -= chunk.length;
      // Browsers refuse shared memory, which a body never uses.
      this.#socket.send(chunk as Uint8Array<ArrayBuffer>);
      rest = rest.subarray(chunk.length);
    }
  }
}
