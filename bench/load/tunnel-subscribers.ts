import { once } from "node:events";
import { get } from "node:http";
import { type ClientHttp2Session, connect } from "node:http2";
import type { Duplex } from "node:stream";
import { type Address, deferred } from "./connection.js";
import { textNumber } from "./texts.js";
import { clientFrame, fin, opcodes } from "./websocket-frames.js";

/** How browsers open WebSockets: each by an upgrade, or as a stream of a connection. */
export type HttpVersion = "1.1" | "2";

/** Subscriptions that share a connection of HTTP/2, as those of one page do. */
const streamsOfPage = 100;
/** Subscriptions that are opened at the same time. */
const openAtOnce = streamsOfPage;

const path = "/chatter.v1.ChatterService/Subscribe";
const handshake = {
  "sec-websocket-version": "13",
  "sec-websocket-protocol": "connect-tunnel.v1",
};

/** Subscriptions to `main` through the tunnel. */
export class TunnelSubscribers {
  readonly #sessions: ClientHttp2Session[] = [];
  readonly #sockets: Duplex[] = [];
  readonly #events: Promise<void>[] = [];

  /** Opens this many; resolves when the server has accepted all of them. */
  async open(address: Address, version: HttpVersion, count: number): Promise<void> {
    for (let opened = 0; opened < count; opened += openAtOnce) {
      const session = version === "2" ? await this.#openSession(address) : undefined;
      const some = Math.min(openAtOnce, count - opened);
      await Promise.all(
        Array.from({ length: some }, async () => {
          const socket = await (session ? openStream(session) : openSocket(address));
          this.#sockets.push(socket);
          const { accepted, event } = subscribe(socket, address.token);
          this.#events.push(event);
          await accepted;
        }),
      );
    }
  }

  /** Resolves when every subscription has received an event. */
  async received(): Promise<void> {
    await Promise.all(this.#events);
  }

  close(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    for (const session of this.#sessions) {
      session.destroy();
    }
  }

  async #openSession({ port }: Address): Promise<ClientHttp2Session> {
    const session = connect(`http://127.0.0.1:${port}`);
    this.#sessions.push(session);
    await once(session, "remoteSettings");
    return session;
  }
}

async function openSocket({ port }: Address): Promise<Duplex> {
  const request = get({
    port,
    host: "127.0.0.1",
    path,
    agent: false,
    headers: {
      ...handshake,
      connection: "upgrade",
      upgrade: "websocket",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
  });
  const [, socket] = await once(request, "upgrade");
  return socket;
}

async function openStream(session: ClientHttp2Session): Promise<Duplex> {
  const stream = session.request({
    ...{ ":method": "CONNECT", ":protocol": "websocket", ":path": path },
    ...handshake,
  });
  const [{ ":status": status }] = await once(stream, "response");
  if (status !== 200) {
    throw new Error(`no WebSocket: ${status}`);
  }
  return stream;
}

/** Subscribes, and answers pings. Both promises reject if the socket is lost before. */
function subscribe(socket: Duplex, token = "") {
  const accepted = deferred<void>();
  const event = deferred<void>();
  const lose = () => {
    accepted.reject(new Error("a subscription has ended"));
    event.reject(new Error("a subscription has ended"));
  };
  let rest: Buffer = Buffer.alloc(0);
  socket.on("error", lose);
  socket.on("close", lose);
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    for (;;) {
      const isLong = rest[1] === 126;
      const head = isLong ? 4 : 2;
      if (rest.length < head) {
        break;
      }
      const end = head + (isLong ? rest.readUInt16BE(2) : rest[1]!);
      if (rest.length < end) {
        break;
      }
      const payload = rest.subarray(head, end);
      switch (rest[0]! & ~fin) {
        case opcodes.text:
          accepted.resolve(); // The opening message; the next text would be the end.
          break;
        case opcodes.ping:
          socket.write(clientFrame(opcodes.pong, Buffer.from(payload)));
          break;
        case opcodes.binary:
          if (textNumber(payload, 0, payload.length) >= 0) {
            event.resolve();
          }
          break;
      }
      rest = rest.subarray(end);
    }
  });
  const headers = {
    "content-type": ["application/connect+proto"],
    authorization: [`Bearer ${token}`],
  };
  const credit = 768 * 1024;
  socket.write(
    Buffer.concat([
      clientFrame(opcodes.text, Buffer.from(JSON.stringify({ headers, credit }))),
      clientFrame(opcodes.binary, Buffer.alloc(5)), // An empty SubscribeRequest.
      clientFrame(opcodes.text, Buffer.from("null")),
    ]),
  );
  return { accepted: accepted.promise, event: event.promise };
}
