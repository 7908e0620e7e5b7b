import type { Duplex } from "node:stream";
import type { ConnectError } from "@connectrpc/connect";
import type { RawData, WebSocket } from "ws";
import { closeCodes } from "../../protocol/close-codes.js";
import { readAheadBytes, type Unread } from "../limits/unread-bytes.js";
import { clientLeft } from "../service/call/errors.js";
import {
  callOver,
  connectionCut,
  largeFrame,
  malformedFrame,
  malformedFrameText,
  socketClosed,
} from "./errors.js";
import { IncomingQueue } from "./incoming-queue.js";
import { BodyChunks, type Message, MessageList } from "./message-store.js";
import { halfSentOn } from "./partial-message.js";
import { textFrames } from "./text-frames.js";

export interface MessageSocketOptions {
  /**
   * Sees each message as it arrives, before it is queued and even if the queue is full; returns
   * whether to queue it. Default: every message is queued.
   */
  readonly keep?: (message: Message, socket: MessageSocket) => boolean;
  /**
   * Whether messages that were received before the socket dropped, and have not been read yet, are
   * still handled, so that the call's signal waits for it (5 s at most). Gets the close code, 1006
   * if the connection was cut. Default: unless the client cancelled (4001).
   */
  readonly finishes?: (closeCode: number) => boolean;
  /**
   * Called with the number of bytes of an incomplete message that have arrived, each time it grows.
   * Default: nothing is called.
   */
  readonly onHalfSent?: (bytes: number, socket: MessageSocket) => void;
  /**
   * Called when the peer has to wait, because the queue for the reader is full, and when it no
   * longer has to. Default: nothing is called.
   */
  readonly onStopped?: (isStopped: boolean, socket: MessageSocket) => void;
  /** Whether queued messages may be joined: they are chunks of one body. Default: no. */
  readonly joins?: boolean;
}

/** How many bytes of messages may wait for their reader before the peer has to wait. */
export const queueLimit = readAheadBytes;

/** While closing, no more of a message is read than this: it would have to be kept. */
const closingBytes = 64 * 1024;

/** How many bytes may arrive, with messages waiting all the while, before these are copied. */
const compactBytes = 2 * queueLimit;

const finishMs = 5_000;
const refusedCloseMs = 2_000;
/** The same when nothing more is read, and memory is to be released. */
const stoppedCloseMs = 250;

/**
 * A WebSocket as both dialects use it: messages are pulled from a bounded queue, sends wait until
 * the system has taken them, and the end is reported once.
 */
export class MessageSocket {
  /**
   * The peer's messages. It ends when the dialect calls its `end()`, and rejects with `canceled`
   * (or what was wrong with the peer's frames) if the socket dropped before, in both cases after
   * the queued messages.
   */
  readonly incoming: IncomingQueue;

  /**
   * Aborted at once when the peer is gone, or going: anything sent from then on is lost. The call's
   * own signal may wait until received messages have been handled.
   */
  readonly left: AbortSignal;

  readonly #socket: WebSocket;
  readonly #transport: Duplex;
  readonly #onDrop: (error: ConnectError) => void;
  readonly #bridgeClosing: AbortSignal;
  readonly #keep: (message: Message, socket: MessageSocket) => boolean;
  readonly #finishes: (closeCode: number) => boolean;
  readonly #onHalfSent: (bytes: number, socket: MessageSocket) => void;
  readonly #onStopped: (isStopped: boolean, socket: MessageSocket) => void;
  readonly #unread: Unread;
  readonly #left = new AbortController();
  readonly #cutSoon = () => {
    if (this.#socket.readyState !== this.#socket.CLOSED) {
      const waitMs = this.#isRefused ? stoppedCloseMs : refusedCloseMs;
      this.#cutTimer ??= setTimeout(() => this.#socket.terminate(), waitMs);
    }
  };
  #closing = false;
  /** Of this connection: known once it is open. */
  readonly #hasExtensions: boolean;
  #isHeld = false;
  #isStopped = false;
  #isRefused = false;
  #readAhead = queueLimit;
  /** How much of `unread` belongs to this socket. */
  #counted = 0;
  /** Bytes that have arrived since there was nothing to be read. */
  #sinceDrained = 0;
  #finishTimer: NodeJS.Timeout | undefined;
  #cutTimer: NodeJS.Timeout | undefined;

  /**
   * `transport` is the socket of the upgrade, `onDrop` is called once with the reason why the
   * socket dropped, `closing` is aborted when the bridge closes, `unread` counts what waits here.
   */
  constructor(
    socket: WebSocket,
    transport: Duplex,
    options: MessageSocketOptions & {
      readonly onDrop: (error: ConnectError) => void;
      readonly closing: AbortSignal;
      readonly unread: Unread;
    },
  ) {
    this.#socket = socket;
    this.#hasExtensions = socket.extensions !== "";
    this.left = this.#left.signal;
    this.#transport = transport;
    this.#onDrop = options.onDrop;
    this.#bridgeClosing = options.closing;
    this.#keep = options.keep ?? (() => true);
    this.#finishes = options.finishes ?? ((code) => code !== closeCodes.canceled);
    this.#onHalfSent = options.onHalfSent ?? (() => {});
    this.#onStopped = options.onStopped ?? (() => {});
    this.#unread = options.unread;
    const source = {
      pause: () => this.#regulate(),
      resume: () => this.#regulate(),
      drained: () => {
        this.#sinceDrained = 0;
        this.#count();
      },
    };
    const store = options.joins ? new BodyChunks() : new MessageList();
    this.incoming = new IncomingQueue(queueLimit, source, store, transport);
    socket.on("message", (data, binary) => this.#receive(data, binary));
    // A frame that is not allowed: ws has already sent the close, with its code.
    socket.on("error", (error) => {
      this.#cutSoon();
      this.#drop(frameError(error));
    });
    socket.on("close", (code) => this.#closed(code));
    // Both have closed: ws would wait half a minute for a peer that keeps the connection.
    transport.once("finish", () => socket.terminate());
    // After the listener of ws, which has then made messages of the chunk.
    transport.on("data", (chunk: Buffer) => this.#received(chunk.length));
  }

  /** How many bytes may wait in {@link incoming} before the peer has to wait. */
  set readAhead(bytes: number) {
    this.#readAhead = bytes;
    this.incoming.limit = bytes;
  }

  /** While true, no more is read, whatever waits in {@link incoming}. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  set isHeld(isHeld: boolean) {
    this.#isHeld = isHeld;
    this.#regulate();
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
      const sent = (error?: Error | null) => (error ? reject(clientLeft()) : resolve());
      // ws has no "drain", and writes each frame by itself.
      this.#transport.cork();
      batch.forEach((message, i) => {
        this.#socket.send(message, i === batch.length - 1 ? sent : undefined);
      });
      this.#transport.uncork();
    });
  }

  /**
   * Sends texts as {@link send} does; undefined if the system has taken them at once. They are
   * framed once for all sockets that are sent the same array: framing is most of the cost of a
   * message to many readers.
   */
  sendTexts(texts: readonly string[]): Promise<void> | undefined {
    const socket = this.#socket;
    if (texts.length === 0 || this.#hasExtensions || socket.readyState !== socket.OPEN) {
      return this.send(texts);
    }
    // Bypasses ws, which without extensions holds nothing back that would have to be sent first.
    const transport = this.#transport;
    let onSent: ((error?: Error | null) => void) | undefined;
    transport.write(textFrames(texts), (error) => onSent?.(error));
    if (transport.writableLength === 0) {
      return undefined;
    }
    return new Promise((resolve, reject) => {
      onSent = (error) => (error ? reject(clientLeft()) : resolve());
    });
  }

  /**
   * Closes a call that has ended, with 1000. The peer may take its time until the bridge closes:
   * then it is 1001, and a peer that does not answer is cut off after 2 s.
   */
  end(reason = ""): void {
    this.incoming.discard(callOver());
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
   * Closes with a code and an error: its text is the reason (123 bytes of it at most), and the call
   * ends with it. A peer that does not answer the close is cut off after 2 s.
   */
  fail(code: number, error: ConnectError): void {
    this.#startClose(code, error.rawMessage);
    this.#cutSoon();
    this.#drop(error);
  }

  /** As {@link fail}, but waiting messages are released, and nothing more is read. */
  refuse(error: ConnectError, code: number = closeCodes.connect + error.code): void {
    this.#stopReading();
    this.incoming.discard(error);
    this.fail(code, error);
  }

  #stopReading(): void {
    this.#isRefused = true;
    this.#regulate();
  }

  /** The call is over: even if the peer left, nothing waits for its signal any more. */
  dispose(): void {
    clearTimeout(this.#finishTimer);
  }

  #receive(data: RawData, binary: boolean): void {
    // The peer may continue sending until it has read our close.
    if (this.#closing || this.left.aborted) {
      return;
    }
    const message = { data: data as Buffer, binary };
    if (this.#keep(message, this)) {
      this.incoming.push(message);
    }
  }

  /** Messages were made of what arrived, and something is left, or waits. */
  #received(bytes: number): void {
    const halfSent = this.#count();
    this.#sinceDrained = this.incoming.drained ? 0 : this.#sinceDrained + bytes;
    if (this.#sinceDrained > compactBytes) {
      this.#sinceDrained = 0;
      this.incoming.compact();
    }
    if (this.#closing && halfSent > closingBytes) {
      this.#stopReading();
    } else if (halfSent > 0 && !this.#closing) {
      this.#onHalfSent(halfSent, this);
    }
  }

  /**
   * Counts what waits here, chunk by chunk. Returns how much has arrived of an incomplete message.
   */
  #count(): number {
    const halfSent = halfSentOn(this.#socket);
    const change = this.incoming.bytes + halfSent.cost - this.#counted;
    if (change !== 0) {
      this.#counted += change;
      if (change < 0) {
        this.#unread.remove(-change);
      } else {
        const tooMuch = this.#unread.add(change);
        if (tooMuch) {
          this.refuse(tooMuch);
        }
      }
      if (Number.isFinite(this.#readAhead)) {
        this.incoming.limit = Math.min(this.#readAhead, this.#unread.readAhead);
      }
    }
    return halfSent.bytes;
  }

  #regulate(): void {
    // While closing, the peer's own close must be read, which comes after everything that it sent:
    // unless there is too much of that.
    const isStopped = this.#isRefused || (!this.#closing && (this.#isHeld || this.incoming.isFull));
    if (isStopped === this.#isStopped) {
      return;
    }
    this.#isStopped = isStopped;
    if (isStopped) {
      this.#socket.pause();
    } else {
      this.#socket.resume();
    }
    this.#onStopped(isStopped, this);
  }

  #closed(code: number): void {
    clearTimeout(this.#cutTimer);
    this.#bridgeClosing.removeEventListener("abort", this.#cutSoon);
    const left = code === closeCodes.cut ? connectionCut : socketClosed;
    this.#drop(left(), this.#finishes(code));
  }

  #drop(error: ConnectError, finish = true): void {
    if (this.left.aborted) {
      return;
    }
    this.incoming.fail(error);
    this.#left.abort(error);
    // A turn later at least: what came in the same packet is still on its way to the reader.
    this.#finishTimer = setTimeout(() => {
      if (finish && !this.incoming.drained) {
        this.#finishTimer = setTimeout(() => this.#onDrop(error), finishMs);
      } else {
        this.#onDrop(error);
      }
    });
  }

  #startClose(code: number, reason: string): void {
    if (this.#closing) {
      return;
    }
    this.#closing = true;
    this.#socket.close(code, clip(reason));
    this.#regulate();
  }
}

/** The error of a call whose peer sent frames that the protocol does not allow. */
function frameError(error: Error & { code?: string }): ConnectError {
  switch (error.code) {
    case "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH":
    case "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH":
    case "WS_ERR_TOO_MANY_BUFFERED_PARTS":
      return largeFrame();
    case "WS_ERR_INVALID_UTF8":
      return malformedFrameText();
    default:
      return error.code?.startsWith("WS_ERR_")
        ? malformedFrame({ fault: error.message })
        : connectionCut();
  }
}

/** A close reason is at most 123 bytes of UTF-8. */
function clip(reason: string): string {
  const bytes = Buffer.from(reason);
  return bytes.length <= 123
    ? reason
    : // Decoded as a stream, so that a character that is cut in two is dropped.
      `${new TextDecoder().decode(bytes.subarray(0, 117), { stream: true })}…`;
}
