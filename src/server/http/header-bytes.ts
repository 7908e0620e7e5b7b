import type { IncomingMessage } from "node:http";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Limits } from "../limits/limits.js";
import { droppedHeaders, largeHeaders } from "./errors.js";
import { endStream } from "./http2/stream.js";
import { http2Headers, type PlainResponse } from "./plain-response.js";

/*
 * The bytes of a request's headers alone are bounded, never their number: Node drops those beyond
 * its own bound without a word, and among them may be what a proxy says of the client.
 */

type Serve = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
) => void;

/** What HTTP/2 counts for each header besides its name and value (RFC 9113, 6.5.2). */
const overhead = 32;

/**
 * What Node reads over HTTP/2 beyond the limit, in bytes, so that it can be answered: of more it
 * resets the stream and tells nobody. Clients that are built on nghttp2 send no more than this.
 */
const answeredBytes = 64 * 1024;

/** The options of Node's HTTP/2 server, besides its settings, and the setting, for the limit. */
export function http2HeaderBounds({ maxHeaderBytes }: Pick<Limits, "maxHeaderBytes">) {
  const maxHeaderListSize = maxHeaderBytes + answeredBytes;
  return { maxHeaderListSize, maxHeaderListPairs: Math.ceil(maxHeaderListSize / overhead) };
}

/** Keeps the limit of a request's headers over HTTP/2: 431. */
export function withHeaderLimit(
  serve: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  { maxHeaderBytes, onRefused }: Pick<Limits, "maxHeaderBytes" | "onRefused">,
): Serve {
  return (stream, headers, _flags, rawHeaders) => {
    if (bytesOf(rawHeaders) <= maxHeaderBytes) {
      serve(stream, headers);
      return;
    }
    onRefused("header_bytes");
    stream.on("error", () => {}); // The client left; nothing is lost.
    if (!stream.destroyed) {
      const { status, body, ...answer } = headersTooLarge(maxHeaderBytes);
      stream.respond({ ":status": status, ...http2Headers({ status, body, ...answer }) });
      endStream(stream, body);
    }
  };
}

function bytesOf(rawHeaders: readonly string[]): number {
  let bytes = (rawHeaders.length / 2) * overhead;
  for (const text of rawHeaders) {
    bytes += text.length;
  }
  return bytes;
}

/** What a request is answered with whose headers are too large. */
export function headersTooLarge(maxHeaderBytes: number): PlainResponse {
  return largeHeaders({ most: maxHeaderBytes.toLocaleString("en") });
}

/** How many names and values Node keeps of a request over HTTP/1.1 unless set otherwise. */
const keptByDefault = 2000;

/**
 * Whether Node has dropped headers of a request over HTTP/1.1, as it does on a server of somebody's
 * own that does not set `maxHeadersCount` to 0.
 */
export function lostHeaders({ rawHeaders, socket }: IncomingMessage): boolean {
  const { server } = socket as { server?: { maxHeadersCount?: unknown } };
  const set = server?.maxHeadersCount;
  const kept = typeof set === "number" ? 2 * set : keptByDefault;
  return kept > 0 && rawHeaders.length >= kept;
}

/** What such a request is answered with. */
export function tooManyHeaders(): PlainResponse {
  return droppedHeaders();
}
