import type { IncomingMessage, ServerResponse } from "node:http";
import type {
  Http2ServerRequest,
  Http2ServerResponse,
  IncomingHttpHeaders,
  ServerHttp2Stream,
} from "node:http2";
import type { Duplex } from "node:stream";

/** For the "request" event of Node's HTTP/1 and HTTP/2 servers. */
export type RequestListener = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void;

/** For the "stream" event of Node's HTTP/2 servers: the faster way to serve HTTP/2. */
export type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** For the "upgrade" event of Node's HTTP/1 servers. */
export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
