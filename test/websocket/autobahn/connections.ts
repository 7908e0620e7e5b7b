import { once } from "node:events";
import { createAuthority } from "../../support/certificates.js";
import { startChatter } from "../../support/chatter-server.js";
import { connectHttp2 } from "../../support/raw-http2.js";
import { RawSocket, RawWebSocket } from "../../support/websocket-raw.js";
import type { Target } from "../goa/client.js";
import type { Dialect } from "./dialects.js";

/** A server, and how a WebSocket is opened to it. */
export interface Endpoint {
  readonly server: Target;
  /** Opens one for a case, with all that comes before the first message. */
  open(): Promise<RawWebSocket>;
}

export type Version = "HTTP/1.1" | "HTTP/2";

/** Starts a server for a test. Over HTTP/2, it has TLS, and one session has all sockets. */
export async function startEndpoint(version: Version, dialect: Dialect): Promise<Endpoint> {
  const open = { "HTTP/1.1": openUpgrade, "HTTP/2": openStream }[version];
  return open(dialect);
}

async function openUpgrade(dialect: Dialect): Promise<Endpoint> {
  const server = await startChatter();
  return {
    server,
    async open() {
      const socket = new RawSocket(Number(new URL(server.url).port), {
        path: dialect.path,
        headers: {
          Authorization: server.headers.authorization,
          "Sec-WebSocket-Protocol": dialect.protocol,
        },
      });
      socket.socket.setNoDelay(true);
      await socket.opened();
      dialect.begin(socket, server.token);
      return socket;
    },
  };
}

async function openStream(dialect: Dialect): Promise<Endpoint> {
  const authority = createAuthority();
  const server = await startChatter({}, { tls: authority.issue() });
  // In megabytes: what is written and not sent counts, too.
  const session = await connectHttp2(server.url, { ca: authority.cert, maxSessionMemory: 1_000 });
  await once(session, "remoteSettings");
  return {
    server: { ...server, ca: authority.cert },
    async open() {
      const stream = session.request({
        ":method": "CONNECT",
        ":protocol": "websocket",
        ":path": dialect.path,
        "sec-websocket-version": "13",
        ...(dialect.protocol && { "sec-websocket-protocol": dialect.protocol }),
        ...server.headers,
      });
      // After a reset without an error Node waits for output that has nowhere to go.
      stream.once("aborted", () => stream.destroy());
      const socket = new RawWebSocket(stream);
      const [headers] = await once(stream, "response");
      if (headers[":status"] !== 200) {
        throw new Error(`refused: ${headers[":status"]}`);
      }
      dialect.begin(socket, server.token);
      return socket;
    },
  };
}
