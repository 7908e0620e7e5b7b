import type { IncomingMessage, ServerResponse } from "node:http";
import type {
  Http2ServerRequest,
  Http2ServerResponse,
  IncomingHttpHeaders,
  ServerHttp2Stream,
} from "node:http2";
import { createContextValues } from "@connectrpc/connect";
import type { UniversalHandlerFn } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest } from "@connectrpc/connect-node";
import { type PeerAddress, peerAddressKey } from "../service/peer-address.js";
import { wireKey } from "../service/wire.js";
import { endUpload, writeResponse } from "./http1-response.js";
import { endStream, handleStream } from "./http2-stream.js";
import { http2Headers } from "./plain-answer.js";
import { readBody } from "./request-body.js";
import { oneAfterTheOther } from "./requests-ahead.js";
import type { Route } from "./router.js";
import { createStreamStarts } from "./stream-starts.js";

/** For the "request" event of Node's HTTP/1 and HTTP/2 servers. */
export type RequestListener = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void;

/** For the "stream" event of Node's HTTP/2 servers: the faster way to serve HTTP/2. */
export type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** @param waitMs what requests that are sent ahead on HTTP/1 may wait while nothing moves */
export function createRequestListener(
  route: Route,
  addressOf: PeerAddress,
  waitMs: number,
): RequestListener {
  const serve: RequestListener = (request, response) => {
    const found = route(request.method ?? "", request.url ?? "", request.headers);
    if (typeof found === "function") {
      handleRequest(found, request, response, addressOf);
    } else {
      const headers = request.httpVersionMajor === 1 ? { ...found.headers } : http2Headers(found);
      (response as ServerResponse).writeHead(found.status, headers);
      response.end(request.method === "HEAD" ? "" : found.body);
      endUpload(request, response);
    }
  };
  return oneAfterTheOther(serve, waitMs);
}

export function createStreamListener(route: Route, addressOf: PeerAddress): StreamListener {
  return createStreamStarts((stream, headers) => {
    const method = String(headers[":method"]);
    const found = route(method, String(headers[":path"]), headers);
    if (typeof found === "function") {
      handleStream(found, stream, headers, addressOf);
    } else {
      stream.on("error", () => {}); // The client left; nothing is lost.
      stream.respond({ ":status": found.status, ...http2Headers(found) });
      endStream(stream, method === "HEAD" ? "" : found.body);
    }
  });
}

async function handleRequest(
  handler: UniversalHandlerFn,
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
  addressOf: PeerAddress,
): Promise<void> {
  const address = addressOf(request.socket.remoteAddress, request.headers["x-forwarded-for"]);
  const values = createContextValues()
    .set(wireKey, { cut: () => response.destroy() })
    .set(peerAddressKey, address);
  try {
    const universal = universalRequestFromNodeRequest(request, response, undefined, values);
    const result = await handler({ ...universal, body: readBody(request) });
    await writeResponse(result, response);
    endUpload(request, response);
  } catch {
    // The handler's own errors are in its response, and in the call's log line.
    response.destroy();
  }
}
