import { createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import {
  type Address,
  type Channel,
  type Connection,
  deferred,
  type Method,
  type Receive,
} from "./connection.js";
import { corkForTurn, openSocket } from "./socket.js";
import { textCount, texts } from "./texts.js";
import { clientFrame, fin, opcodes } from "./websocket-frames.js";

/** Maximum number of posts that are written at once. */
const postsAtOnce = 400;
const normalClosure = 1000;

const postFrames = Buffer.concat(
  texts.map((text) => clientFrame(opcodes.text, Buffer.from(JSON.stringify(text)))),
);
const postFrameLength = postFrames.length / textCount;
const endFrame = clientFrame(opcodes.text, Buffer.from("null"));

/** goa's dialect: each channel is a connection of its own, so this opens only one channel. */
export function openWebSocketConnection(address: Address): Connection {
  let channel: WebSocketChannel | undefined;
  return {
    open(method, receive) {
      if (channel) {
        throw new Error("a WebSocket carries one stream");
      }
      channel = new WebSocketChannel(address, method, receive);
      return channel;
    },
    close: () => channel?.close(),
  };
}

class WebSocketChannel implements Channel {
  readonly #head = deferred<void>();
  readonly #whole = deferred<string>();
  readonly #key = randomBytes(16).toString("base64");
  #socket: Socket | undefined;
  #upgraded = false;
  #closed = false;
  /** The beginning of a frame whose rest has not arrived yet. */
  #rest: Buffer = Buffer.alloc(0);

  #next = 0;
  #toPost = 0;
  #ending = false;
  readonly #receive: Receive;

  constructor(address: Address, method: Method, receive: Receive) {
    this.#receive = receive;

    openSocket(address.port, {
      bytes: (buffer, length) => this.#read(buffer, length),
      drain: () => this.#write(),
      lost: (error) => this.#fail(error),
    }).then(
      (socket) => {
        this.#socket = socket;
        if (this.#closed) {
          socket.destroy();
          return;
        }
        const authorization = address.token ? `Authorization: Bearer ${address.token}\r\n` : "";
        socket.write(
          `GET /${method} HTTP/1.1\r\nHost: 127.0.0.1:${address.port}\r\nConnection: Upgrade\r\n` +
            `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${this.#key}\r\n` +
            `${authorization}\r\n`,
        );
      },
      (error) => this.#fail(error),
    );
  }

  get head(): Promise<void> {
    return this.#head.promise;
  }

  get whole(): Promise<string> {
    return this.#whole.promise;
  }

  post(count: number): void {
    this.#toPost += count;
    this.#write();
  }

  end(): void {
    this.#ending = true;
    this.#write();
  }

  close(): void {
    this.#fail(new Error("the load client has closed the connection"));
    this.#closed = true;
    this.#socket?.destroy();
  }

  #fail(error: Error): void {
    this.#head.reject(error);
    this.#whole.reject(error);
  }

  #write(): void {
    const socket = this.#socket;
    if (!socket || !this.#upgraded) {
      return;
    }
    while (this.#toPost > 0 && !socket.writableNeedDrain) {
      const count = Math.min(this.#toPost, textCount - this.#next, postsAtOnce);
      const start = this.#next * postFrameLength;
      corkForTurn(socket);
      socket.write(postFrames.subarray(start, start + count * postFrameLength));
      this.#next = (this.#next + count) % textCount;
      this.#toPost -= count;
    }
    if (this.#ending && this.#toPost === 0) {
      this.#ending = false;
      socket.write(endFrame);
    }
  }

  #read(buffer: Buffer, length: number): void {
    let from = buffer;
    let to = length;
    let at = 0;
    if (this.#rest.length > 0) {
      from = Buffer.concat([this.#rest, buffer.subarray(0, length)]);
      to = from.length;
    }
    if (!this.#upgraded) {
      at = this.#readHead(from.subarray(0, to));
    }
    if (this.#upgraded) {
      at = this.#readFrames(from, at, to);
    }
    // A copy: the original is overwritten by what arrives next.
    this.#rest = at === to ? this.#rest.subarray(0, 0) : Buffer.from(from.subarray(at, to));
  }

  #readHead(bytes: Buffer): number {
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) {
      return 0;
    }
    const head = bytes.toString("latin1", 0, end);
    const accept = createHash("sha1")
      .update(`${this.#key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    if (!head.startsWith("HTTP/1.1 101 ") || !head.includes(accept)) {
      throw new Error(`no upgrade: ${head.split("\r\n", 1)[0]}`);
    }
    this.#upgraded = true;
    this.#head.resolve();
    queueMicrotask(() => this.#write());
    return end + 4;
  }

  #readFrames(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (end - at >= 2) {
      let length = bytes[at + 1]!;
      let payload = at + 2;
      if (length === 126) {
        payload += 2;
        length = payload > end ? end : bytes.readUInt16BE(at + 2);
      } else if (length === 127) {
        payload += 8;
        length = payload > end ? end : Number(bytes.readBigUInt64BE(at + 2));
      }
      if (payload + length > end) {
        break;
      }
      this.#take(bytes[at]!, bytes, payload, payload + length);
      at = payload + length;
    }
    return at;
  }

  #take(first: number, bytes: Buffer, start: number, end: number): void {
    switch (first) {
      case fin | opcodes.text:
        this.#receive(bytes, start, end);
        break;
      case fin | opcodes.ping:
        this.#socket?.write(clientFrame(opcodes.pong, Buffer.from(bytes.subarray(start, end))));
        break;
      case fin | opcodes.close: {
        const code = end - start < 2 ? 0 : bytes.readUInt16BE(start);
        const reason = bytes.toString("utf8", start + 2, end);
        if (code !== normalClosure) {
          throw new Error(`the server closed with ${code} ${reason}`);
        }
        this.#socket?.write(clientFrame(opcodes.close, Buffer.from(bytes.subarray(start, end))));
        this.#whole.resolve(reason);
        break;
      }
      default:
        throw new Error(`a frame that begins with ${first}`);
    }
  }
}
