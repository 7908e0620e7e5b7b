import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import type { TestServer } from "./chatter-server.js";

/** Whom a client trusts besides, and its own certificate; PEM. */
export interface ClientTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** One way for Connect-ES to reach a server. */
export interface Wire {
  /** Such as "gRPC-Web, HTTP/1.1, JSON". */
  readonly name: string;
  readonly protocol: "connect" | "grpc" | "grpc-web";
  readonly http: "1.1" | "2";
  readonly codec: "binary" | "json";
  /** Request messages are compressed. */
  readonly gzip: boolean;
}

const titles = { connect: "Connect", grpc: "gRPC", "grpc-web": "gRPC-Web" } as const;

function wire(
  protocol: Wire["protocol"],
  http: Wire["http"],
  codec: Wire["codec"],
  gzip = false,
): Wire {
  const name = `${titles[protocol]}, HTTP/${http}, ${codec}${gzip ? ", gzip" : ""}`;
  return { name, protocol, http, codec, gzip };
}

/** Every protocol over every HTTP it has, in both codecs, nothing compressed. */
export const wires: readonly Wire[] = (["binary", "json"] as const).flatMap((codec) => [
  wire("connect", "1.1", codec),
  wire("connect", "2", codec),
  wire("grpc", "2", codec),
  wire("grpc-web", "1.1", codec),
  wire("grpc-web", "2", codec),
]);

/** For what does not depend on the codec: every binary wire, and one of JSON. */
export const mainWires = wires.filter(
  ({ protocol, http, codec }) => codec === "binary" || (protocol === "connect" && http === "2"),
);

/** The wires that have both directions at once. */
export const fullDuplexWires = mainWires.filter(({ http }) => http === "2");

/** The binary wires with every request message compressed. */
export const gzipWires: readonly Wire[] = wires
  .filter(({ codec }) => codec === "binary")
  .map(({ protocol, http, codec }) => wire(protocol, http, codec, true));

export function transportOf(
  { protocol, http, codec, gzip }: Wire,
  baseUrl: string,
  interceptors: Interceptor[] = [],
  nodeOptions: ClientTls = {},
): Transport {
  const options = {
    baseUrl,
    interceptors,
    nodeOptions,
    useBinaryFormat: codec === "binary",
    ...(gzip ? { sendCompression: compressionGzip, compressMinBytes: 0 } : {}),
  };
  switch (protocol) {
    case "connect":
      return createConnectTransport({ ...options, httpVersion: http });
    case "grpc":
      return createGrpcTransport(options);
    case "grpc-web":
      return createGrpcWebTransport({ ...options, httpVersion: http });
  }
}

/** Sends a token with every call that has no authorization of its own. */
export function withToken(token: string): Interceptor {
  return (next) => (request) => {
    if (!request.header.has("authorization")) {
      request.header.set("authorization", `Bearer ${token}`);
    }
    return next(request);
  };
}

export const connectWire = wires.find(
  ({ protocol, http, codec }) => protocol === "connect" && http === "2" && codec === "binary",
)!;

/** A client of a test's server with its token, by default over Connect, HTTP/2, binary. */
export function clientOf(
  server: Pick<TestServer, "url" | "token"> & ClientTls,
  wire = connectWire,
  token = server.token,
): Client<typeof ChatterService> {
  const { url, ca, cert, key } = server;
  return createClient(
    ChatterService,
    transportOf(wire, url, [withToken(token)], { ca, cert, key }),
  );
}

/** The same over the WebSocket tunnel. */
export function tunnelClientOf(
  { url, token, ca, cert, key }: Pick<TestServer, "url" | "token"> & ClientTls,
  codec: Wire["codec"] = "binary",
): Client<typeof ChatterService> {
  class Trusting extends WebSocket {
    constructor(address: string | URL, protocols?: string | string[]) {
      super(address, protocols, { ca, cert, key });
    }
  }
  const webSocket = Trusting as unknown as typeof globalThis.WebSocket;
  const interceptors = [withToken(token)];
  const useBinaryFormat = codec === "binary";
  const options = { baseUrl: url, webSocket, interceptors, useBinaryFormat };
  const transport = createWebSocketTransport(options);
  return createClient(ChatterService, transport);
}

/** Tells the server of a deadline, and the client's own code of none. */
export function deadlineHeader({ protocol }: Wire, ms: number): Record<string, string> {
  return protocol === "connect"
    ? { "connect-timeout-ms": String(ms) }
    : { "grpc-timeout": `${ms}m` };
}
