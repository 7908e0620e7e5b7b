import {
  type Address,
  type Channel,
  type Connection,
  deferred,
  type Receive,
} from "./connection.js";
import { Http2Connection, type Http2Stream, type StreamEvents } from "./http2-connection.js";
import {
  frame,
  frameHeaderLength,
  frameTypes,
  headerBlock,
  saysGrpcOk,
  saysStatus200,
} from "./http2-frames.js";
import { textCount, textLength, texts } from "./texts.js";

/** An empty message in its envelope: HistoryRequest, SubscribeRequest, HealthCheckRequest. */
const emptyMessage = Buffer.alloc(5);
/** A SubscribeRequest of these rooms, after a cursor, in its envelope. */
function subscribeRequest(rooms: readonly string[], after: string): Buffer {
  const field = (tag: number, text: string) =>
    Buffer.concat([Buffer.of(tag, text.length), Buffer.from(text)]);
  const cursor = after === "" ? [] : [field(0x0a, after)];
  const message = Buffer.concat([...cursor, ...rooms.map((room) => field(0x1a, room))]);
  const envelope = Buffer.alloc(5);
  envelope.writeUInt32BE(message.length, 1);
  return Buffer.concat([envelope, message]);
}

/** A post of a text to a room in its envelope. */
function postRequest(text: string, room: string): Buffer {
  const length = 2 + textLength + 2 + room.length;
  return Buffer.concat([
    Buffer.of(0, 0, 0, 0, length, 0x0a, textLength),
    Buffer.from(text),
    Buffer.of(0x1a, room.length),
    Buffer.from(room),
  ]);
}

/** Bytes of an enveloped post: envelope, tag, length, text. */
const postLength = 5 + 2 + textLength;
/** Maximum number of posts that are written at once. */
const postsAtOnce = 400;

/** Every text as a post, in an envelope, in a DATA frame of its own, as gRPC clients send. */
const postFrames = Buffer.concat(
  texts.map((text) => {
    const post = Buffer.concat([
      Buffer.of(0, 0, 0, 0, 2 + textLength, 0x0a, textLength),
      Buffer.from(text),
    ]);
    return frame(frameTypes.data, 0, 0, post);
  }),
);
const postFrameLength = frameHeaderLength + postLength;

/** gRPC over one connection of HTTP/2. */
export interface GrpcConnection extends Connection {
  /** Health.Check; resolves when the answer is complete. */
  check(): Promise<void>;
  /** Post, one text after the other; resolves when the answer is complete. */
  postOne(): Promise<void>;
}

export async function openGrpcConnection(address: Address): Promise<GrpcConnection> {
  const connection = await Http2Connection.open(address.port);
  const blockOf = (path: string, token?: string) =>
    headerBlock({
      ":path": path,
      ":authority": `127.0.0.1:${address.port}`,
      te: "trailers",
      "content-type": "application/grpc",
      "grpc-timeout": "1H",
      ...(token && { authorization: `Bearer ${token}` }),
    });
  const checkBlock = blockOf("/grpc.health.v1.Health/Check");
  const postBlock = blockOf("/chatter.v1.ChatterService/Post", address.token);
  let posted = 0;

  async function unary(block: Buffer, message: Uint8Array): Promise<void> {
    let answers = 0;
    const call = new GrpcCall(() => {
      answers++;
    });
    connection.request(block, call).end(message);
    await call.whole;
    if (answers !== 1) {
      throw new Error(`${answers} answers to one call`);
    }
  }

  return {
    open(method, receive, rooms = [], after = "") {
      const name = method.charAt(0).toUpperCase() + method.slice(1);
      const block = blockOf(`/chatter.v1.ChatterService/${name}`, address.token);
      const call = new GrpcCall(receive);
      call.stream = connection.request(block, call);
      if (method === "history" || method === "subscribe") {
        call.stream.end(rooms.length > 0 ? subscribeRequest(rooms, after) : emptyMessage);
      }
      return call;
    },

    check: () => unary(checkBlock, emptyMessage),

    postOne() {
      const start = (posted++ % textCount) * postFrameLength + frameHeaderLength;
      return unary(postBlock, postFrames.subarray(start, start + postLength));
    },

    close: () => connection.close(),
  };
}

class GrpcCall implements Channel, StreamEvents {
  stream!: Http2Stream;
  readonly #head = deferred<void>();
  readonly #whole = deferred<string>();
  #hasHead = false;
  /** The beginning of a message whose rest has not arrived yet. */
  #rest: Buffer = Buffer.alloc(0);

  #frames: Buffer | undefined;
  #next = 0;
  #toPost = 0;
  #ending = false;
  readonly #receive: Receive;

  constructor(receive: Receive) {
    this.#receive = receive;
  }

  get head(): Promise<void> {
    return this.#head.promise;
  }

  get whole(): Promise<string> {
    return this.#whole.promise;
  }

  headers(block: Buffer, end: boolean): void {
    if (!this.#hasHead) {
      this.#hasHead = true;
      if (!saysStatus200(block)) {
        this.failed(new Error(`the status is not 200: ${block.toString("hex")}`));
      }
      this.#head.resolve();
    }
    if (end) {
      if (!saysGrpcOk(block)) {
        this.failed(new Error(`the trailers do not say OK: ${block.toString("hex")}`));
      } else if (this.#rest.length > 0) {
        this.failed(new Error("the response ends inside a message"));
      }
      this.#whole.resolve("");
    }
  }

  data(bytes: Buffer, start: number, end: number): void {
    let from = bytes;
    let at = start;
    let to = end;
    if (this.#rest.length > 0) {
      from = Buffer.concat([this.#rest, bytes.subarray(start, end)]);
      at = 0;
      to = from.length;
    }
    while (to - at >= 5) {
      const next = at + 5 + from.readUInt32BE(at + 1);
      if (next > to) {
        break;
      }
      if (from[at] !== 0) {
        throw new Error(`a message with flags ${from[at]}`);
      }
      this.#receive(from, at + 5, next);
      at = next;
    }
    // A copy: the original is overwritten by what arrives next.
    this.#rest = at === to ? this.#rest.subarray(0, 0) : Buffer.from(from.subarray(at, to));
  }

  failed(error: Error): void {
    this.#head.reject(error);
    this.#whole.reject(error);
  }

  post(count: number): void {
    this.#toPost += count;
    this.writable();
  }

  postTo(room: string): void {
    const post = postRequest(texts[this.#next]!, room);
    if (this.stream.room < post.length) {
      throw new Error("too much is on its way to rooms");
    }
    this.stream.writeFrames(frame(frameTypes.data, 0, this.stream.id, post), post.length);
    this.#next = (this.#next + 1) % textCount;
  }

  end(): void {
    this.#ending = true;
    this.writable();
  }

  writable(): void {
    while (this.#toPost > 0) {
      const count = Math.min(
        this.#toPost,
        textCount - this.#next,
        Math.floor(this.stream.room / postLength),
        postsAtOnce,
      );
      if (count <= 0) {
        return;
      }
      this.#frames ??= framesOf(this.stream.id);
      const start = this.#next * postFrameLength;
      const frames = this.#frames.subarray(start, start + count * postFrameLength);
      this.stream.writeFrames(frames, count * postLength);
      this.#next = (this.#next + count) % textCount;
      this.#toPost -= count;
    }
    if (this.#ending) {
      this.#ending = false;
      this.stream.end();
    }
  }
}

/** The posts as frames of this stream. */
function framesOf(stream: number): Buffer {
  const frames = Buffer.from(postFrames);
  for (let at = 5; at < frames.length; at += postFrameLength) {
    frames.writeUInt32BE(stream, at);
  }
  return frames;
}
