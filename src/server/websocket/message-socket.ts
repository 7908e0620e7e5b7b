import type { Duplex } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";
import type { RawData, WebSocket } from "ws";
import { closeCodes } from "../../client/tunnel-wire.js";
import { IncomingQueue } from "./incoming-queue.js";
import { textFrames } from "./text-frames.js";

/** One whole WebSocket message. */
export interface Message {
  readonly data: Buffer;
  /** False for text, which is valid UTF-8. */
  readonly binary: boolean;
}

export interface MessageSocketOptions {
  /**
   * Sees each message as it comes, before it is queued and even if the queue is full;
   * returns whether to queue it. Default: every message is queued.
   */
  readonly keep?: (message: Message, socket: MessageSocket) => boolean;
  /**
   * Whether what was received before the socket dropped, and not read yet, is still to be
   * handled, so that the call's signal waits for it (5 s at most). Gets the close code,
   * 1006 for a cut. Default: unless the client cancelled (4001).
   */
  readonly finishes?: (closeCode: number) => boolean;
}

/** How many bytes of messages may wait for their reader before the peer is made to wait. */
export const queueLimit = 256 * 1024;

/** What a queued message costs besides its bytes: empty ones must not be free. */
const messageCost = 128;

const finishMs = 5_000;
const refusedCloseMs = 2_000;

/**
 * A WebSocket as both dialects use it: messages are pulled from a bounded queue, sends
 * wait until the system has taken them, and the end is told once.
 */
export class MessageSocket {
  /**
   * The peer's messages. It ends when the dialect calls its `end()` and rejects with
   * `canceled` (or what was wrong with the peer's frames) if the socket dropped before,
   * in both cases after what was queued.
   */
  readonly incoming: IncomingQueue<Message>;

  /**
   * Aborted at once when the peer is gone, or going: what is sent from then on is lost.
   * The call's own signal may wait until what was received has been handled.
   */
  readonly left: AbortSignal;

  readonly #socket: WebSocket;
  readonly #transport: Duplex;
  readonly #onDrop: (error: ConnectError) => void;
  readonly #bridgeClosing: AbortSignal;
  readonly #keep: (message: Message, socket: MessageSocket) => boolean;
  readonly #finishes: (closeCode: number) => boolean;
  readonly #left = new AbortController();
  readonly #cutSoon = () => {
    if (this.#socket.readyState !== this.#socket.CLOSED) {
      this.#cutTimer ??= setTimeout(() => this.#socket.terminate(), refusedCloseMs);
    }
  };
  #closing = false;
  #finishTimer: NodeJS.Timeout | undefined;
  #cutTimer: NodeJS.Timeout | undefined;

  /**
   * `transport` is the socket of the upgrade, `onDrop` hears once why the socket dropped,
   * `closing` is aborted when the bridge closes.
   */
  constructor(
    socket: WebSocket,
    transport: Duplex,
    options: MessageSocketOptions & {
      readonly onDrop: (error: ConnectError) => void;
      readonly closing: AbortSignal;
    },
  ) {
    this.#socket = socket;
    this.left = this.#left.signal;
    this.#transport = transport;
    this.#onDrop = options.onDrop;
    this.#bridgeClosing = options.closing;
    this.#keep = options.keep ?? (() => true);
    this.#finishes = options.finishes ?? ((code) => code !== closeCodes.canceled);
    this.incoming = new IncomingQueue(queueLimit, {
      // While closing the peer's own close must be read, which lies behind all it sent.
      pause: () => !this.#closing && socket.pause(),
      resume: () => socket.resume(),
    });
    socket.on("message", (data, binary) => this.#receive(data, binary));
    // A frame that is not allowed: ws has sent the close, with its code, already.
    socket.on("error", (error) => {
      this.#cutSoon();
      this.#drop(frameError(error));
    });
    socket.on("close", (code) => this.#closed(code));
    // Both have closed: ws would wait half a minute for a peer that keeps the connection.
    transport.once("finish", () => socket.terminate());
  }

  /** How many bytes may wait in {@link incoming} before the peer is made to wait. */
  set readAhead(bytes: number) {
    this.incoming.limit = bytes;
  }

  /**
   * Sends a batch, text for strings and binary for bytes, in as few packets as it takes.
   * Resolves when the system has taken it all: wait for that before the next batch.
   * Rejects with `canceled` if the peer is gone.
   */
  send(batch: readonly (string | Uint8Array)[]): Promise<void> {
    if (batch.length === 0) {
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const sent = (error?: Error | null) =>
        error ? reject(new ConnectError("the client has left", Code.Canceled)) : resolve();
      // ws has no "drain", and writes each frame by itself.
      this.#transport.cork();
      batch.forEach((message, i) => {
        this.#socket.send(message, i === batch.length - 1 ? sent : undefined);
      });
      this.#transport.uncork();
    });
  }

  /**
   * Sends texts as {@link send} does. They are framed once for all sockets that are sent the
   * same array: framing is most of what a message to many readers costs.
   */
  sendTexts(texts: readonly string[]): Promise<void> {
    const socket = this.#socket;
    if (texts.length === 0 || socket.extensions !== "" || socket.readyState !== socket.OPEN) {
      return this.send(texts);
    }
    // Past ws, which without extensions holds nothing back that would have to go first.
    return new Promise((resolve, reject) => {
      this.#transport.write(textFrames(texts), (error) =>
        error ? reject(new ConnectError("the client has left", Code.Canceled)) : resolve(),
      );
    });
  }

  /**
   * Closes a call that has ended: with 1000, and the peer may take its time, until the bridge
   * closes: then it is 1001, and a peer that does not answer is cut after 2 s.
   */
  end(reason = ""): void {
    this.incoming.discard(new ConnectError("the call is over", Code.Canceled));
    if (this.#bridgeClosing.aborted) {
      this.#startClose(closeCodes.shutdown, reason);
      this.#cutSoon();
    } else {
      this.#startClose(closeCodes.done, reason);
      if (this.#socket.readyState !== this.#socket.CLOSED) {
        this.#bridgeClosing.addEventListener("abort", this.#cutSoon);
      }
    }
  }

  /**
   * Closes with a code and an error: its text is the reason (123 bytes of it at most), and
   * the call ends with it. A peer that does not answer the close is cut after 2 s.
   */
  fail(code: number, error: ConnectError): void {
    this.#startClose(code, error.rawMessage);
    this.#cutSoon();
    this.#drop(error);
  }

  /** The call is over: whoever left, nothing waits for its signal any more. */
  dispose(): void {
    clearTimeout(this.#finishTimer);
  }

  #receive(data: RawData, binary: boolean): void {
    // The peer may send on until it has read our close.
    if (this.#closing || this.left.aborted) {
      return;
    }
    const message = { data: data as Buffer, binary };
    if (this.#keep(message, this)) {
      this.incoming.push(message, message.data.length + messageCost);
    }
  }

  #closed(code: number): void {
    clearTimeout(this.#cutTimer);
    this.#bridgeClosing.removeEventListener("abort", this.#cutSoon);
    const left =
      code === closeCodes.cut
        ? "the connection broke before the call was over"
        : "the client closed the socket before the call was over";
    this.#drop(new ConnectError(left, Code.Canceled), this.#finishes(code));
  }

  #drop(error: ConnectError, finish = true): void {
    if (this.left.aborted) {
      return;
    }
    const waitMs = finish && !this.incoming.drained ? finishMs : 0;
    this.incoming.fail(error);
    this.#left.abort(error);
    // A turn later at least: what came in the same packet is only on its way to the reader.
    this.#finishTimer = setTimeout(() => this.#onDrop(error), waitMs);
  }

  #startClose(code: number, reason: string): void {
    if (this.#closing) {
      return;
    }
    this.#closing = true;
    this.#socket.close(code, clip(reason));
    this.#socket.resume();
  }
}

/** The error of a call whose peer sent frames that the protocol does not allow. */
function frameError(error: Error & { code?: string }): ConnectError {
  switch (error.code) {
    case "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH":
    case "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH":
    case "WS_ERR_TOO_MANY_BUFFERED_PARTS":
      return new ConnectError("a message is too big", Code.ResourceExhausted);
    case "WS_ERR_INVALID_UTF8":
      return new ConnectError("a text message is not valid UTF-8", Code.InvalidArgument);
    default:
      return error.code?.startsWith("WS_ERR_")
        ? new ConnectError(error.message, Code.InvalidArgument)
        : new ConnectError("the connection broke before the call was over", Code.Canceled);
  }
}

/** A close reason is at most 123 bytes of UTF-8. */
function clip(reason: string): string {
  const bytes = Buffer.from(reason);
  return bytes.length <= 123
    ? reason
    : `${bytes
        .subarray(0, 117)
        .toString()
        .replace(/\uFFFD+$/, "")}…`;
}
