import type { Interceptor, Transport } from "@connectrpc/connect";
import {
  type CommonTransportOptions,
  type UniversalClientFn,
  universalClientResponseFromFetch,
} from "@connectrpc/connect/protocol";
import { createTransport as createConnectTransport } from "@connectrpc/connect/protocol-connect";
import { createTransport as createGrpcWebTransport } from "@connectrpc/connect/protocol-grpc-web";
import { mapResults } from "../../async/map-results.js";
import { unixPathOf } from "../../protocol/unix-url.js";
import type { OpenTransport, TransportName } from "../chatter-client.js";
import {
  fetchCannotStream,
  fetchFailed,
  grpcInBrowser,
  unixInBrowser,
  unknownTransport,
} from "../errors.js";
import { asDecided } from "../final-error.js";
import { createWebSocketTransport } from "../tunnel/transport.js";
import { withGetReads } from "./get-reads.js";
import { connectTimeout, grpcTimeout, withLongDeadlines } from "./long-deadlines.js";

/** Makes the transports that need only what browsers have. */
export function createBrowserTransport(name: TransportName = "ws", baseUrl: string): OpenTransport {
  if (unixPathOf(baseUrl) !== undefined) {
    throw unixInBrowser();
  }
  const dropConnections = () => {};
  switch (name) {
    case "ws":
      return { transport: createWebSocketTransport({ baseUrl }), dropConnections };
    case "connect":
      return {
        transport: withLongDeadlines(connectByFetch(fetchOptions(baseUrl)), connectTimeout),
        dropConnections,
      };
    case "grpc-web":
      return {
        transport: withLongDeadlines(createGrpcWebTransport(fetchOptions(baseUrl)), grpcTimeout),
        dropConnections,
      };
    case "grpc":
      throw grpcInBrowser();
    default:
      throw unknownTransport({ name, names: "ws, connect or grpc-web" });
  }
}

function connectByFetch(options: CommonTransportOptions): Transport {
  return withGetReads(
    createConnectTransport(options),
    createConnectTransport({ ...options, useHttpGet: true }),
  );
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

/** Browsers send nothing before they have the whole request. */
const callByFetch: UniversalClientFn = async ({ url, method, header, body, signal }) => {
  const fail = (reason: unknown): never => {
    throw signal?.aborted ? reason : fetchFailed({ reason: String(reason), cause: reason });
  };
  const options = { method, headers: header, body: await collect(body), signal };
  const response = await fetch(url, options).catch(fail);
  const received = universalClientResponseFromFetch(response);
  // Fetch has decompressed the body and checked its length, but kept the headers that describe
  // them.
  const kept = new Headers(received.header);
  kept.delete("content-encoding");
  kept.delete("content-length");
  return { ...received, header: kept, body: mapResults(received.body, (chunk) => chunk, fail) };
};

async function collect(body: AsyncIterable<Uint8Array> | undefined): Promise<Blob | undefined> {
  if (body === undefined) {
    return undefined; // GET has none.
  }
  const chunks: BlobPart[] = [];
  for await (const chunk of body) {
    chunks.push(chunk as Uint8Array<ArrayBuffer>);
  }
  return new Blob(chunks);
}

const refuseUploads: Interceptor = (next) => (request) => {
  const { methodKind } = request.method;
  if (methodKind === "client_streaming" || methodKind === "bidi_streaming") {
    throw asDecided(fetchCannotStream());
  }
  return next(request);
};
