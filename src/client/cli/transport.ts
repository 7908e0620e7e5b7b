import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { WebSocket } from "ws";
import type { OpenTransport, TransportName } from "../chatter-client.js";
import { createWebSocketTransport } from "../websocket-transport.js";

/** A server that does not take the connection within so many milliseconds is not there. */
const connectLimitMs = 10_000;
/** A connection is asked for a sign of life so often, in milliseconds. */
const pingIntervalMs = 10_000;
/** And is taken for dead without one for so long, in milliseconds. */
const pingTimeoutMs = 10_000;

/**
 * Makes the transports of the command line: HTTP/2, so that both sides can stream at once,
 * or WebSockets.
 */
export function createCliTransport(name: TransportName = "connect", baseUrl: string) {
  return name === "ws" ? createTunnel(baseUrl) : createHttp2Transport(name, baseUrl);
}

function createTunnel(baseUrl: string): OpenTransport {
  const webSocketOptions = { handshakeTimeout: connectLimitMs, perMessageDeflate: false };
  return {
    transport: createWebSocketTransport({ baseUrl, webSocket: WebSocket, webSocketOptions }),
    dropConnections: () => {}, // each call has its own, and closes it
  };
}

const overHttp2 = {
  connect: (options: Parameters<typeof createGrpcTransport>[0]) =>
    createConnectTransport({ ...options, httpVersion: "2" }),
  grpc: createGrpcTransport,
  "grpc-web": (options: Parameters<typeof createGrpcTransport>[0]) =>
    createGrpcWebTransport({ ...options, httpVersion: "2" }),
};

function createHttp2Transport(name: keyof typeof overHttp2, baseUrl: string): OpenTransport {
  // The client pings too: a server that is gone without a word is noticed in silence.
  const pings = { pingIntervalMs, pingTimeoutMs };
  const sessionManager = new Http2SessionManager(baseUrl, pings, { createConnection: connect });
  return {
    transport: overHttp2[name]({ baseUrl, sessionManager }),
    dropConnections: () =>
      sessionManager.abort(new ConnectError("the connection was closed", Code.Unavailable)),
  };
}

/**
 * Connects as http2 does by itself, but not for ever: an address that drops packets would
 * keep a command for the two minutes and more that the system tries.
 */
function connect({ protocol, hostname, port }: URL): Socket {
  const host = hostname.replace(/^\[|\]$/g, "");
  const isTls = protocol === "https:";
  const socket = isTls
    ? connectTls({ host, port: Number(port || 443), servername: host, ALPNProtocols: ["h2"] })
    : connectTcp({ host, port: Number(port || 80) });
  const timer = setTimeout(() => socket.destroy(new ConnectTimeout()), connectLimitMs);
  const stop = () => clearTimeout(timer);
  return socket.once(isTls ? "secureConnect" : "connect", stop).once("close", stop);
}

/** In the form of Node's own errors. */
class ConnectTimeout extends Error {
  readonly code = "ETIMEDOUT";
  readonly syscall = "connect";

  constructor() {
    super(`no connection within ${connectLimitMs / 1000} s`);
  }
}
