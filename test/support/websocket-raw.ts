import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { afterEachTest } from "./clean-up.js";
import { until } from "./websocket-service.js";

export interface RawOptions {
  readonly path?: string;
  readonly method?: string;
  /** Besides those of the handshake; an undefined value leaves one of these out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

const open = new Set<Socket>();

afterEachTest(() => {
  for (const socket of open) {
    socket.destroy();
  }
  open.clear();
});

/** The opcodes of frames. */
export const opcode = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** One masked frame, as a client writes it; `bits` are added to its first byte. */
export function frame(code: number, payload: string | Uint8Array = "", bits = 0x80): Buffer {
  // Not from a generator for secrets, which would be slow for many small frames.
  const key = Math.floor(Math.random() * 2 ** 31);
  const mask = Buffer.alloc(4);
  mask.writeInt32LE(key);
  const size = Buffer.byteLength(payload);
  const body = new Int32Array(Math.ceil(size / 4));
  const bytes = Buffer.from(body.buffer, 0, size);
  if (typeof payload === "string") {
    bytes.write(payload);
  } else {
    bytes.set(payload);
  }
  for (let i = 0; i < body.length; i++) {
    body[i] = body[i]! ^ key;
  }
  return Buffer.concat([Buffer.of(bits | code), maskedLength(size), mask, bytes]);
}

/** In as few bytes as it takes (RFC 6455, 5.2). */
function maskedLength(length: number): Buffer {
  if (length < 126) {
    return Buffer.of(0x80 | length);
  }
  const isLong = length > 0xffff;
  const bytes = Buffer.alloc(isLong ? 9 : 3);
  bytes[0] = 0x80 | (isLong ? 127 : 126);
  if (isLong) {
    bytes.writeBigUInt64BE(BigInt(length), 1);
  } else {
    bytes.writeUInt16BE(length, 1);
  }
  return bytes;
}

export const text = (value: string) => frame(opcode.text, value);
export const binary = (value: string | Uint8Array) => frame(opcode.binary, value);

/** A close frame. */
export function close(code: number): Buffer {
  return frame(opcode.close, Buffer.from([code >> 8, code & 255]));
}

/** A Connect envelope. */
export function envelope(payload: string | Uint8Array, flags = 0): Buffer {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

/** The client's end of a WebSocket on a connection, to send what no library would. */
export class RawWebSocket<Connection extends Duplex = Duplex> {
  readonly socket: Connection;
  /** Text messages of the server. */
  readonly texts: string[] = [];
  /** Binary messages of the server that are not empty. */
  readonly chunks: Buffer[] = [];
  /** How many empty binary messages came. */
  heartbeats = 0;
  pings = 0;
  /** The payloads of the server's pongs. */
  readonly pongsReceived: Buffer[] = [];
  /** The server's close frame: 1005 for one without a code. */
  closeCode: number | undefined;
  closeReason = "";
  /** Whether pings are answered. */
  pongs = true;
  /** Whether a close of the server is answered. */
  closes = true;
  /** The connection has ended, one way or another. */
  ended = false;
  /** What came and is no whole frame yet. */
  protected rest: Buffer = Buffer.alloc(0);

  constructor(socket: Connection) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.rest = Buffer.concat([this.rest, chunk]);
      this.read();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.ended = true;
    });
  }

  write(...frames: Uint8Array[]): this {
    this.socket.write(Buffer.concat(frames));
    return this;
  }

  /** Resolves when the server has closed, or cut. */
  async closed(ms = 5_000): Promise<this> {
    await until(() => this.ended || this.closeCode !== undefined, ms);
    return this;
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Reads all frames that are whole. */
  protected read(): void {
    while (this.#readFrame()) {
      // Until what is left is no whole frame.
    }
  }

  #readFrame(): boolean {
    const bytes = this.rest;
    if (bytes.length < 2) {
      return false;
    }
    const short = bytes[1]! & 127;
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (bytes.length < 2 + extra) {
      return false;
    }
    const length =
      extra === 0 ? short : extra === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    const end = 2 + extra + length;
    if (bytes.length < end) {
      return false;
    }
    this.rest = bytes.subarray(end);
    this.#take(bytes[0]! & 15, bytes.subarray(2 + extra, end));
    return true;
  }

  #take(code: number, payload: Buffer): void {
    switch (code) {
      case opcode.text:
        this.texts.push(payload.toString());
        break;
      case opcode.binary:
        if (payload.length === 0) {
          this.heartbeats++;
        } else {
          this.chunks.push(payload);
        }
        break;
      case opcode.ping:
        this.pings++;
        if (this.pongs) {
          this.write(frame(opcode.pong, payload));
        }
        break;
      case opcode.pong:
        this.pongsReceived.push(payload);
        break;
      case opcode.close:
        this.closeCode = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
        this.closeReason = payload.subarray(2).toString();
        if (this.closes) {
          this.write(frame(opcode.close, payload.subarray(0, 2)));
          this.socket.end();
        }
        break;
    }
  }
}

/** One over HTTP/1.1, which it asks for by hand, too. */
export class RawSocket extends RawWebSocket<Socket> {
  /** The answer's headers, with its blank line; undefined until it is there. */
  head: string | undefined;

  constructor(port: number, { path = "/", method = "GET", headers = {} }: RawOptions = {}) {
    super(connect(port, "127.0.0.1"));
    open.add(this.socket);
    const all = {
      Host: `127.0.0.1:${port}`,
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
      ...headers,
    };
    const lines = Object.entries(all).filter(([, value]) => value !== undefined);
    this.socket.write(
      `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`,
    );
    this.socket.on("close", () => open.delete(this.socket));
  }

  get status(): number {
    return Number(this.head?.split(" ")[1]);
  }

  /** What came after the headers of an answer that is not an upgrade. */
  get answer(): string {
    return this.rest.toString();
  }

  async opened(): Promise<this> {
    await until(() => this.head !== undefined);
    return this;
  }

  protected override read(): void {
    if (this.head === undefined) {
      const end = this.rest.indexOf("\r\n\r\n");
      if (end < 0) {
        return;
      }
      this.head = this.rest.subarray(0, end + 4).toString();
      this.rest = this.rest.subarray(end + 4);
    }
    if (this.status === 101) {
      super.read();
    }
  }
}

/** Opens the tunnel of a method by hand. */
export function openRaw(port: number, method: string, options: RawOptions = {}): RawSocket {
  return new RawSocket(port, {
    path: `/chatter.v1.ChatterService/${method}`,
    ...options,
    headers: { "Sec-WebSocket-Protocol": "connect-tunnel.v1", ...options.headers },
  });
}

/** The opening message of a stream in JSON. */
export function openingMessage(headers: Readonly<Record<string, string[]>> = {}): Buffer {
  return text(
    JSON.stringify({ headers: { "content-type": ["application/connect+json"], ...headers } }),
  );
}

/** An envelope with `{"message": …}` in one binary message. */
export function post(message: string): Buffer {
  return binary(envelope(JSON.stringify({ message })));
}

/** The messages in a body of envelopes in JSON, the end of the stream among them. */
export function messagesOf(body: Buffer): Record<string, unknown>[] {
  const messages: Record<string, unknown>[] = [];
  for (let offset = 0; offset < body.length; ) {
    const end = offset + 5 + body.readUInt32BE(offset + 1);
    messages.push(JSON.parse(body.subarray(offset + 5, end).toString()));
    offset = end;
  }
  return messages;
}
