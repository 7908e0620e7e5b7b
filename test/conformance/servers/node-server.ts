import { createServer as createHttp1, type Server as Http1Server } from "node:http";
import { createServer as createHttp2, createSecureServer, type Http2Server } from "node:http2";
import { createServer as createHttps, type Server as HttpsServer } from "node:https";
import { HTTPVersion } from "../gen/connectrpc/conformance/v1/config_pb.js";
import type { ServerCompatRequest } from "../gen/connectrpc/conformance/v1/server_compat_pb.js";

/** A server of Node's own, as the suite asks for it: HTTP/1.1 or HTTP/2, with TLS or without. */
export type NodeServer =
  | { readonly version: 1; readonly server: Http1Server }
  | { readonly version: 2; readonly server: Http2Server };

export function createNodeServer(request: ServerCompatRequest): NodeServer {
  const { useTls } = request;
  const tls = tlsOf(request);
  return request.httpVersion === HTTPVersion.HTTP_VERSION_1
    ? { version: 1, server: useTls ? feedByEvents(createHttps(tls)) : createHttp1() }
    : { version: 2, server: useTls ? createSecureServer(tls) : createHttp2() };
}

/**
 * Works around a fault of Node's, as Chatter's `listen` does: after a large answer Node may cut a
 * connection under TLS whose next request comes in two records. A listener of the socket's "data"
 * makes it read another way.
 */
function feedByEvents(server: HttpsServer): HttpsServer {
  const nothing = () => {};
  return server.on("secureConnection", (socket) => {
    socket.on("data", nothing).off("data", nothing);
  });
}

/** The server's certificate, and the one that its clients must have, if they must have one. */
function tlsOf({ serverCreds, clientTlsCert }: ServerCompatRequest) {
  return {
    ...certificateOf(serverCreds),
    ...(clientTlsCert.length > 0
      ? { ca: Buffer.from(clientTlsCert), requestCert: true, rejectUnauthorized: true }
      : {}),
  };
}

/** What the suite gives as bytes, as Node takes it. */
export function certificateOf(creds: ServerCompatRequest["serverCreds"]) {
  return creds && { cert: Buffer.from(creds.cert), key: Buffer.from(creds.key) };
}
