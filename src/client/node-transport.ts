import { Code, ConnectError } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { WebSocket } from "ws";
import type { OpenTransport, TransportName } from "./chatter-client.js";
import { connectWithin } from "./node-connect.js";
import { NodeSessions, tellSignal } from "./node-sessions.js";
import { createWebSocketTransport } from "./websocket-transport.js";

/** A server that does not take a connection within so many milliseconds is not there. */
const connectLimitMs = 10_000;
/** A connection is asked for a sign of life so often, in milliseconds. */
const pingIntervalMs = 10_000;
/** And is taken for dead without one for so long, in milliseconds. */
const pingTimeoutMs = 10_000;

/** Makes the transports of Node. */
export function createNodeTransport(
  name: TransportName = "connect",
  baseUrl: string,
): OpenTransport {
  if (name === "ws") {
    const webSocketOptions = { handshakeTimeout: connectLimitMs, perMessageDeflate: false };
    const transport = createWebSocketTransport({ baseUrl, webSocket: WebSocket, webSocketOptions });
    return { transport, dropConnections: () => {} };
  }
  if (!Object.hasOwn(overHttp2, name)) {
    throw new TypeError(`"transport" is "${name}": it must be connect, grpc, grpc-web or ws`);
  }
  const sessionManager = new NodeSessions(
    baseUrl,
    { pingIntervalMs, pingTimeoutMs },
    { createConnection: connectWithin(connectLimitMs) },
  );
  return {
    transport: overHttp2[name]({ baseUrl, sessionManager, interceptors: [tellSignal] }),
    dropConnections: () =>
      sessionManager.abort(new ConnectError("the connection was closed", Code.Unavailable)),
  };
}

const overHttp2 = {
  connect: (options: Parameters<typeof createGrpcTransport>[0]) =>
    createConnectTransport({ ...options, httpVersion: "2" }),
  grpc: createGrpcTransport,
  "grpc-web": (options: Parameters<typeof createGrpcTransport>[0]) =>
    createGrpcWebTransport({ ...options, httpVersion: "2" }),
};
