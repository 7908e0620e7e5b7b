import { aheadOfCredit, noMore } from "../../protocol/tunnel.js";
import type { WebSocketLike } from "./socket.js";

/** Longest chunk of body in one message: what is sent after it is not held up for long. */
const chunkLimit = 64 * 1024;

/**
 * Sends a request's body, chunk by chunk, and then `null`. It keeps to the server's credit:
 * sockets in browsers take any amount and cannot tell when they have room again, and our own
 * credit, on the same socket, must not wait behind body that nobody reads.
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

  /** The server takes this many bytes more. */
  give(bytes: number): void {
    this.#credit += bytes;
    this.#wake?.();
  }

  /** Resolves when all is sent, or after {@link stop}; rejects with the body's error. */
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

  /** Sends no more, and tells the body so. */
  stop(): void {
    if (!this.#stopped) {
      this.#stopped = true;
      this.#wake?.();
      // Not awaited: a body that waits for something answers when it has come. Its errors
      // matter no more.
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
      // Browsers refuse shared memory, and a body is never in any.
      this.#socket.send(chunk as Uint8Array<ArrayBuffer>);
      rest = rest.subarray(chunk.length);
    }
  }
}
