import type { Socket } from "node:net";
import {
  type Address,
  type Channel,
  type Connection,
  deferred,
  type Receive,
} from "./connection.js";
import { corkForTurn, openSocket } from "./socket.js";
import { textCount, textLength, texts } from "./texts.js";

/** Maximum number of posts that are written at once. */
const postsAtOnce = 400;
const subject = "chat";
const lineFeed = 0x0a;
const endOfLine = "\r\n";

const posts = Buffer.from(
  texts.map((text) => `PUB ${subject} ${textLength}${endOfLine}${text}${endOfLine}`).join(""),
);
const postLength = posts.length / textCount;

/** NATS over one connection: `subscribe` subscribes, `listener` publishes, nothing else is there. */
export async function openNatsConnection(address: Address): Promise<Connection> {
  const connection = new NatsConnection();
  await connection.connect(address);
  return connection;
}

class NatsConnection implements Connection {
  #socket!: Socket;
  readonly #lost = deferred<never>();
  /** By the number of its subscription, from 1. */
  readonly #receivers: Receive[] = [];
  /** What waits for a PONG, in the order of the PINGs. */
  readonly #pongs: (() => void)[] = [];
  /** The beginning of an operation whose rest has not arrived yet. */
  #rest: Buffer = Buffer.alloc(0);

  async connect({ port }: Address): Promise<void> {
    this.#socket = await openSocket(port, {
      bytes: (buffer, length) => this.#read(buffer, length),
      drain() {},
      lost: (error) => this.#lost.reject(error),
    });
    // Without an answer to each operation.
    await this.#ask(`CONNECT {"verbose":false}`);
  }

  open(method: string, receive: Receive): Channel {
    const head =
      method === "subscribe"
        ? this.#ask(`SUB ${subject} ${this.#receivers.push(receive)}`)
        : Promise.resolve();
    head.catch(() => {});
    let next = 0;
    return {
      head,
      // A subscription has no end, and what was published has no answer.
      whole: this.#lost.promise,
      post: (count) => {
        for (let left = count; left > 0; ) {
          const some = Math.min(left, textCount - next, postsAtOnce);
          this.#write(posts.subarray(next * postLength, (next + some) * postLength));
          next = (next + some) % textCount;
          left -= some;
        }
      },
      end() {},
    };
  }

  close(): void {
    this.#lost.reject(new Error("the load client has closed the connection"));
    this.#socket.destroy();
  }

  /** Writes an operation; resolves when the server has done it. */
  #ask(operation: string): Promise<void> {
    const done = new Promise<void>((resolve) => {
      this.#pongs.push(resolve);
    });
    this.#write(`${operation}${endOfLine}PING${endOfLine}`);
    return Promise.race([done, this.#lost.promise]);
  }

  #write(bytes: string | Uint8Array): void {
    corkForTurn(this.#socket);
    this.#socket.write(bytes);
  }

  #read(buffer: Buffer, length: number): void {
    const bytes =
      this.#rest.length > 0
        ? Buffer.concat([this.#rest, buffer.subarray(0, length)])
        : buffer.subarray(0, length);
    let at = 0;
    for (;;) {
      const lineEnd = bytes.indexOf(lineFeed, at);
      if (lineEnd < 0) {
        break;
      }
      const [operation, , number, size] = bytes.toString("latin1", at, lineEnd - 1).split(" ");
      let end = lineEnd + 1;
      if (operation === "MSG") {
        end += Number(size) + endOfLine.length;
        if (end > bytes.length) {
          break;
        }
        this.#receivers[Number(number) - 1]!(bytes, lineEnd + 1, end - endOfLine.length);
      } else if (operation === "PONG") {
        this.#pongs.shift()!();
      } else if (operation === "PING") {
        this.#write(`PONG${endOfLine}`);
      } else if (operation !== "INFO") {
        throw new Error(`the server said ${operation}`);
      }
      at = end;
    }
    // A copy: the original is overwritten by what arrives next.
    this.#rest = Buffer.from(bytes.subarray(at));
  }
}
