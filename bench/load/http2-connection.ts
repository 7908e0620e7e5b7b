import type { Socket } from "node:net";
import {
  clientSettings,
  defaultWindow,
  flags,
  frame,
  frameHeaderLength,
  frameTypes,
  initialWindowSetting,
  maxWindow,
  preface,
  windowUpdate,
} from "./http2-frames.js";
import { corkForTurn, openSocket } from "./socket.js";

/** Called with the events of one stream. What it throws ends the connection. */
export interface StreamEvents {
  /** A header block: the response's head, or its trailers if `end`. */
  headers(block: Buffer, end: boolean): void;
  /** A chunk of the response's body, gone after the call. */
  data(bytes: Buffer, start: number, end: number): void;
  /** The stream, or the connection with it, has failed. */
  failed(error: Error): void;
  /** More can be written. */
  writable(): void;
}

/** The receive window is opened again when this much of it was used. */
const windowRefill = 2 ** 29;

/** A connection of HTTP/2 without TLS, with as little behind it as possible. */
export class Http2Connection {
  #socket!: Socket;
  #nextStream = 1;
  readonly #streams = new Map<number, Http2Stream>();
  #failure: Error | undefined;

  /** How much the server accepts: on the connection, and on a new stream. */
  sendWindow = defaultWindow;
  #initialWindow = defaultWindow;
  #unrefilled = 0;

  /** The frame that is being read: its header, as far as it has arrived, and what is missing. */
  readonly #head = Buffer.alloc(frameHeaderLength);
  #headHas = 0;
  #left = 0;
  #type = 0;
  #flag = 0;
  #stream: Http2Stream | undefined;
  /** The payload of a frame that is not DATA. */
  #payload = Buffer.alloc(0);
  #payloadHas = 0;
  readonly #settled: Promise<void>;
  #settle!: () => void;

  private constructor() {
    this.#settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Connects and waits for the server's settings. */
  static async open(port: number): Promise<Http2Connection> {
    const connection = new Http2Connection();
    connection.#socket = await openSocket(port, {
      bytes: (buffer, length) => connection.#read(buffer, length),
      drain: () => connection.#wake(),
      lost: (error) => connection.#fail(error),
    });
    connection.write(preface);
    connection.write(clientSettings());
    connection.write(windowUpdate(0, maxWindow - defaultWindow));
    await connection.#settled;
    if (connection.#failure) {
      throw connection.#failure;
    }
    return connection;
  }

  /** Sends a request's headers. */
  request(block: Buffer, events: StreamEvents): Http2Stream {
    const id = this.#nextStream;
    this.#nextStream += 2;
    const stream = new Http2Stream(this, id, this.#initialWindow, events);
    if (this.#failure) {
      events.failed(this.#failure);
      return stream;
    }
    this.#streams.set(id, stream);
    this.write(frame(frameTypes.headers, flags.endHeaders, id, block));
    return stream;
  }

  /** Whether the socket has taken what was written so far. */
  get takesMore(): boolean {
    return !this.#socket.writableNeedDrain;
  }

  write(bytes: Uint8Array): void {
    corkForTurn(this.#socket);
    this.#socket.write(bytes);
  }

  close(): void {
    this.#fail(new Error("the load client has closed the connection"));
    this.#socket.destroy();
  }

  #read(buffer: Buffer, length: number): void {
    let at = 0;
    while (at < length) {
      if (this.#headHas < frameHeaderLength) {
        const part = Math.min(frameHeaderLength - this.#headHas, length - at);
        buffer.copy(this.#head, this.#headHas, at, at + part);
        this.#headHas += part;
        at += part;
        if (this.#headHas < frameHeaderLength) {
          return;
        }
        this.#begin();
      }
      const part = Math.min(this.#left, length - at);
      if (this.#type === frameTypes.data) {
        this.#stream?.events.data(buffer, at, at + part);
      } else {
        buffer.copy(this.#payload, this.#payloadHas, at, at + part);
        this.#payloadHas += part;
      }
      at += part;
      this.#left -= part;
      if (this.#left === 0) {
        this.#headHas = 0;
        this.#end();
      }
    }
  }

  #begin(): void {
    const head = this.#head;
    this.#left = head.readUIntBE(0, 3);
    this.#type = head[3]!;
    this.#flag = head[4]!;
    const id = head.readUInt32BE(5);
    this.#stream = id === 0 ? undefined : this.#streams.get(id);
    if (this.#type === frameTypes.data) {
      if ((this.#flag & flags.padded) !== 0) {
        throw new Error("padded DATA");
      }
      this.#refill(this.#left);
    } else {
      this.#payload = Buffer.allocUnsafe(this.#left);
      this.#payloadHas = 0;
    }
  }

  #end(): void {
    const payload = this.#payload;
    switch (this.#type) {
      case frameTypes.data:
        if ((this.#flag & flags.endStream) !== 0) {
          this.#failStream(new Error("the response has no trailers"));
        }
        break;
      case frameTypes.headers:
        this.#headers(payload);
        break;
      case frameTypes.rstStream:
        this.#failStream(new Error(`the server reset the stream (${payload.readUInt32BE(0)})`));
        break;
      case frameTypes.settings:
        if ((this.#flag & flags.ack) === 0) {
          this.#settings(payload);
        }
        break;
      case frameTypes.ping:
        if ((this.#flag & flags.ack) === 0) {
          this.write(frame(frameTypes.ping, flags.ack, 0, payload));
        }
        break;
      case frameTypes.goaway:
        this.#fail(new Error(`the server said GOAWAY (${payload.readUInt32BE(4)})`));
        break;
      case frameTypes.windowUpdate:
        this.#windowUpdate(payload.readUInt32BE(0) & maxWindow);
        break;
      case frameTypes.continuation:
        throw new Error("a CONTINUATION: headers that large were not expected");
    }
  }

  #headers(block: Buffer): void {
    if ((this.#flag & (flags.padded | flags.priority)) !== 0) {
      throw new Error("padded HEADERS");
    }
    const stream = this.#stream;
    const end = (this.#flag & flags.endStream) !== 0;
    if (stream && end) {
      this.#streams.delete(stream.id);
    }
    stream?.events.headers(block, end);
  }

  #settings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) === initialWindowSetting) {
        const size = payload.readUInt32BE(at + 2);
        for (const stream of this.#streams.values()) {
          stream.sendWindow += size - this.#initialWindow;
        }
        this.#initialWindow = size;
      }
    }
    this.write(frame(frameTypes.settings, flags.ack, 0));
    this.#settle();
    this.#wake();
  }

  #windowUpdate(increment: number): void {
    if (this.#head.readUInt32BE(5) === 0) {
      this.sendWindow += increment;
      this.#wake();
    } else if (this.#stream) {
      this.#stream.sendWindow += increment;
      this.#stream.events.writable();
    }
  }

  #refill(length: number): void {
    this.#unrefilled += length;
    if (this.#unrefilled >= windowRefill) {
      this.write(windowUpdate(0, this.#unrefilled));
      this.#unrefilled = 0;
    }
  }

  #wake(): void {
    for (const stream of this.#streams.values()) {
      stream.events.writable();
    }
  }

  #failStream(error: Error): void {
    if (this.#stream) {
      this.#streams.delete(this.#stream.id);
      this.#stream.events.failed(error);
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#settle();
    for (const stream of this.#streams.values()) {
      stream.events.failed(error);
    }
    this.#streams.clear();
  }
}

/** One request and its response. */
export class Http2Stream {
  readonly #connection: Http2Connection;

  constructor(
    connection: Http2Connection,
    readonly id: number,
    /** How much the server accepts on this stream. */
    public sendWindow: number,
    readonly events: StreamEvents,
  ) {
    this.#connection = connection;
  }

  /** How much can be written now. */
  get room(): number {
    return this.#connection.takesMore ? Math.min(this.sendWindow, this.#connection.sendWindow) : 0;
  }

  /** Writes complete DATA frames of this stream that have `payload` bytes in all. */
  writeFrames(frames: Uint8Array, payload: number): void {
    this.sendWindow -= payload;
    this.#connection.sendWindow -= payload;
    this.#connection.write(frames);
  }

  /** Sends a last DATA frame. */
  end(payload?: Uint8Array): void {
    this.writeFrames(
      frame(frameTypes.data, flags.endStream, this.id, payload),
      payload?.length ?? 0,
    );
  }
}
