/* What a request of the suite says of the connection, as the clients take it. */
import type { ClientCompatRequest } from "../gen/connectrpc/conformance/v1/client_compat_pb.js";
import { Codec, HTTPVersion } from "../gen/connectrpc/conformance/v1/config_pb.js";
import { registry } from "../messages/conversions.js";

export function urlOf({ serverTlsCert, host, port }: ClientCompatRequest): string {
  return `${serverTlsCert.length > 0 ? "https" : "http"}://${host}:${port}`;
}

export function httpVersionOf({ httpVersion }: ClientCompatRequest): "1.1" | "2" {
  return httpVersion === HTTPVersion.HTTP_VERSION_1 ? "1.1" : "2";
}

/** How messages are written, and how long they may be. */
export function messageOptions({ codec, messageReceiveLimit }: ClientCompatRequest) {
  return {
    useBinaryFormat: codec === Codec.PROTO,
    jsonOptions: { registry },
    ...(messageReceiveLimit > 0 ? { readMaxBytes: messageReceiveLimit } : {}),
  };
}

/** Whom to trust, and who the client is. */
export function tlsOptions({ serverTlsCert, clientTlsCreds }: ClientCompatRequest) {
  return {
    ...(serverTlsCert.length > 0 ? { ca: Buffer.from(serverTlsCert) } : {}),
    ...(clientTlsCreds
      ? { cert: Buffer.from(clientTlsCreds.cert), key: Buffer.from(clientTlsCreds.key) }
      : {}),
  };
}
