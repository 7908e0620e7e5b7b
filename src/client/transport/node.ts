import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { WebSocket } from "ws";
import { unixPathOf } from "../../protocol/unix-url.js";
import type { OpenTransport, TransportName } from "../chatter-client.js";
import { connectionClosed, unknownTransport } from "../errors.js";
import { createWebSocketTransport } from "../tunnel/transport.js";
import { type ClientTls, secureContextOf } from "./client-tls.js";
import { withGetReads } from "./get-reads.js";
import { connectTimeout, grpcTimeout, withLongDeadlines } from "./long-deadlines.js";
import { connectPath, connectWithin } from "./node-connect.js";
import { NodeSessions, tellSignal } from "./sessions.js";

/** How long a server may take to accept a connection, in milliseconds. */
const connectLimitMs = 10_000;
/** How often a connection is pinged, in milliseconds. */
const pingIntervalMs = 10_000;
/** How long a ping may be unanswered before the connection is considered dead, in milliseconds. */
const pingTimeoutMs = 10_000;

/**
 * How long a WebSocket that is closed waits for the server to close it too, in milliseconds: a
 * server that hangs must not keep the program from ending.
 */
const closeTimeoutMs = 2000;

/** What the URL of a Unix socket leaves open: the host that requests name. */
const hostOfSockets = "http://localhost";

/**
 * Makes the transports of Node.
 *
 * @param url begins with "http:", "https:" or "unix:"
 */
export function createNodeTransport(
  name: TransportName = "connect",
  url: string,
  tls?: ClientTls,
): OpenTransport {
  const path = unixPathOf(url);
  const baseUrl = path === undefined ? url : hostOfSockets;
  const secureContext = tls && secureContextOf(tls, url);
  if (name === "ws") {
    const webSocketOptions = {
      handshakeTimeout: connectLimitMs,
      closeTimeout: closeTimeoutMs,
      perMessageDeflate: false,
      secureContext,
      ...(path !== undefined && { createConnection: () => connectPath(path) }),
    };
    const transport = createWebSocketTransport({ baseUrl, webSocket: WebSocket, webSocketOptions });
    return { transport, dropConnections: () => {} };
  }
  if (!Object.hasOwn(overHttp2, name)) {
    throw unknownTransport({ name, names: "connect, grpc, grpc-web or ws" });
  }
  const sessionManager = new NodeSessions(
    baseUrl,
    { pingIntervalMs, pingTimeoutMs },
    { createConnection: connectWithin(connectLimitMs, { path, secureContext }) },
  );
  const transport = overHttp2[name]({ baseUrl, sessionManager, interceptors: [tellSignal] });
  return {
    transport: withLongDeadlines(transport, name === "connect" ? connectTimeout : grpcTimeout),
    dropConnections: () => sessionManager.abort(connectionClosed()),
  };
}

const overHttp2 = {
  connect(options: Parameters<typeof createGrpcTransport>[0]) {
    const shared = { ...options, httpVersion: "2" } as const;
    return withGetReads(
      createConnectTransport(shared),
      createConnectTransport({ ...shared, useHttpGet: true }),
    );
  },
  grpc: createGrpcTransport,
  "grpc-web": (options: Parameters<typeof createGrpcTransport>[0]) =>
    createGrpcWebTransport({ ...options, httpVersion: "2" }),
};
