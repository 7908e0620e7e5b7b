import type { Socket } from "node:net";
import { type Address, deferred } from "./connection.js";
import { openSocket } from "./socket.js";

/** Calls with JSON over one connection of HTTP/1.1, one at a time. */
export interface JsonConnection {
  /** Resolves to the body of the answer, which must state its length. */
  call(path: string, body: string): Promise<string>;
  close(): void;
}

export async function openJsonConnection({ port, token }: Address): Promise<JsonConnection> {
  let answer = deferred<string>();
  let received = "";
  const socket: Socket = await openSocket(port, {
    bytes(buffer, length) {
      received += buffer.toString("latin1", 0, length);
      const body = bodyOf(received);
      if (body !== undefined) {
        received = "";
        answer.resolve(body);
      }
    },
    drain() {},
    lost: (error) => answer.reject(error),
  });
  const authorization = token ? `Authorization: Bearer ${token}\r\n` : "";
  const heads = new Map<string, string>();
  return {
    call(path, body) {
      answer = deferred<string>();
      let head = heads.get(path);
      if (head === undefined) {
        head =
          `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
          `${authorization}Content-Length: `;
        heads.set(path, head);
      }
      socket.write(`${head}${Buffer.byteLength(body)}\r\n\r\n${body}`);
      return answer.promise;
    },
    close: () => socket.destroy(),
  };
}

/** The body of an answer that is complete. */
function bodyOf(received: string): string | undefined {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) {
    return undefined;
  }
  const head = received.slice(0, end);
  if (!head.startsWith("HTTP/1.1 200 ")) {
    throw new Error(`the answer is ${received}`);
  }
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
  const body = received.slice(end + 4);
  if (!(length >= body.length)) {
    throw new Error(`an answer of another length than it says: ${received}`);
  }
  return body.length === length ? body : undefined;
}
