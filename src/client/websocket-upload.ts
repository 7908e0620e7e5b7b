import { noMore } from "./tunnel-wire.js";
import type { WebSocketLike } from "./websocket-client.js";

/** Longest piece of body in one message: credit that follows it is not held up for long. */
const pieceLimit = 64 * 1024;

/** How much may wait in the socket for the network. */
const bufferLimit = 512 * 1024;

const longestPauseMs = 50;

/**
 * Sends a request's body, piece by piece, and then `null`. Neither browsers nor `ws` tell
 * when a socket has room again, so it looks at `bufferedAmount`, at first often.
 */
export class Upload {
  readonly #socket: WebSocketLike;
  readonly #mayUpload: () => boolean;
  readonly #iterator: AsyncIterator<Uint8Array> | undefined;
  #stopped = false;
  #wake: (() => void) | undefined;

  /** While `mayUpload` says no, nothing is sent. */
  constructor(
    socket: WebSocketLike,
    body: AsyncIterable<Uint8Array> | undefined,
    mayUpload: () => boolean,
  ) {
    this.#socket = socket;
    this.#mayUpload = mayUpload;
    this.#iterator = body?.[Symbol.asyncIterator]();
  }

  /** Resolves when all is sent, or after {@link stop}; rejects with the body's error. */
  async run(): Promise<void> {
    for (;;) {
      const result = await this.#iterator?.next();
      if (this.#stopped) {
        return;
      }
      if (result === undefined || result.done === true) {
        break;
      }
      for (let offset = 0; offset < result.value.length; offset += pieceLimit) {
        await this.#room();
        if (this.#stopped) {
          return;
        }
        const piece = result.value.subarray(offset, offset + pieceLimit);
        // Browsers refuse shared memory, and a body is never in any.
        this.#socket.send(piece as Uint8Array<ArrayBuffer>);
      }
    }
    this.#socket.send(noMore);
  }

  /** Something has changed that it may wait for. */
  nudge(): void {
    this.#wake?.();
  }

  /** Sends no more, and tells the body so. */
  stop(): void {
    if (!this.#stopped) {
      this.#stopped = true;
      this.nudge();
      // Not awaited: a body that waits for something answers when it has come. Its errors
      // matter no more.
      this.#iterator?.return?.()?.catch(() => {});
    }
  }

  async #room(): Promise<void> {
    for (let pauseMs = 1; !this.#stopped; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      if (this.#socket.bufferedAmount < bufferLimit && this.#mayUpload()) {
        return;
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pauseMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
  }
}
