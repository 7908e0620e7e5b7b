import type { Interceptor, Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";

/** How the command line speaks to the server. */
export type Protocol = "connect" | "grpc" | "grpc-web";

export interface TransportOptions {
  /** http: or https:, without a slash at the end. */
  readonly url: string;
  readonly protocol: Protocol;
  /** Goes with every call; undefined: none does. */
  readonly token: string | undefined;
}

/** Makes the transport for a protocol: HTTP/2 for all, so that both sides can stream at once. */
export function createTransport({ url, protocol, token }: TransportOptions): Transport {
  // The client pings too: a server that is gone without a word is noticed in silence.
  const sessionManager = new Http2SessionManager(url, { pingIntervalMs: 25_000 });
  const interceptors = token === undefined ? [] : [createBearer(token)];
  return transports[protocol]({ baseUrl: url, sessionManager, interceptors });
}

const transports = {
  connect: (options) => createConnectTransport({ ...options, httpVersion: "2" }),
  grpc: createGrpcTransport,
  "grpc-web": (options) => createGrpcWebTransport({ ...options, httpVersion: "2" }),
} satisfies Record<Protocol, (options: Parameters<typeof createGrpcTransport>[0]) => Transport>;

function createBearer(token: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
}
