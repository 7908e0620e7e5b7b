import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import {
  type CommonTransportOptions,
  type UniversalClientFn,
  universalClientResponseFromFetch,
} from "@connectrpc/connect/protocol";
import { createTransport as createConnectTransport } from "@connectrpc/connect/protocol-connect";
import { createTransport as createGrpcWebTransport } from "@connectrpc/connect/protocol-grpc-web";
import type { OpenTransport, TransportName } from "./chatter-client.js";
import { createWebSocketTransport } from "./websocket-transport.js";

/** Makes the transports that need nothing but what browsers have. */
export function createBrowserTransport(name: TransportName = "ws", baseUrl: string): OpenTransport {
  const dropConnections = () => {};
  switch (name) {
    case "ws":
      return { transport: createWebSocketTransport({ baseUrl }), dropConnections };
    case "connect":
      return { transport: createConnectTransport(fetchOptions(baseUrl)), dropConnections };
    case "grpc-web":
      return { transport: createGrpcWebTransport(fetchOptions(baseUrl)), dropConnections };
    case "grpc":
      throw new TypeError(`"transport" is "grpc", which browsers cannot speak: use "ws"`);
    default:
      throw new TypeError(`"transport" is "${name}": it must be ws, connect or grpc-web`);
  }
}

const protocolLimit = 0xffffffff;

function fetchOptions(baseUrl: string): CommonTransportOptions {
  return {
    baseUrl,
    httpClient: callByFetch,
    useBinaryFormat: true,
    interceptors: [refuseUploads],
    acceptCompression: [], // fetch has its own
    sendCompression: null,
    compressMinBytes: 0,
    readMaxBytes: protocolLimit,
    writeMaxBytes: protocolLimit,
  };
}

/** Browsers send nothing before they have all of a request. */
const callByFetch: UniversalClientFn = async ({ url, method, header, body, signal }) => {
  const chunks: BlobPart[] = [];
  for await (const chunk of body ?? []) {
    chunks.push(chunk as Uint8Array<ArrayBuffer>);
  }
  const response = await fetch(url, { method, headers: header, body: new Blob(chunks), signal });
  return universalClientResponseFromFetch(response);
};

const refuseUploads: Interceptor = (next) => (request) => {
  const { methodKind } = request.method;
  if (methodKind === "client_streaming" || methodKind === "bidi_streaming") {
    const text = `fetch cannot send a stream: use the transport "ws" to post`;
    throw new ConnectError(text, Code.Unimplemented);
  }
  return next(request);
};
