import type { IncomingMessage } from "node:http";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Limits } from "../limits/limits.js";
import { droppedHeaders, largeHeaders } from "./errors.js";
import { endStream } from "./http2/stream.js";
import { http2Headers, type PlainResponse } from "./plain-response.js";

/*
 * Only the bytes of a request's headers are limited, never their number: Node silently drops those
 * beyond its own limit, and they may include what a proxy says about the client.
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
 * How much Node reads over HTTP/2 beyond the limit, in bytes, so that the request can be answered:
 * beyond this it resets the stream and reports nothing. Clients that are built on nghttp2 send no
 * more than this.
 */
const answeredBytes = 64 * 1024;

/** The options of Node's HTTP/2 server, and the settings among them, for the limit. */
export function http2HeaderBounds({ maxHeaderBytes }: Pick<Limits, "maxHeaderBytes">) {
  const maxHeaderListSize = maxHeaderBytes + answeredBytes;
  return { maxHeaderListSize, maxHeaderListPairs: Math.ceil(maxHeaderListSize / overhead) };
}

/** Enforces the limit on a request's headers over HTTP/2: 431. */
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

/** The answer to a request whose headers are too large. */
export function headersTooLarge(maxHeaderBytes: number): PlainResponse {
  return largeHeaders({ most: maxHeaderBytes.toLocaleString("en") });
}

/** How many names and values Node keeps of a request over HTTP/1.1 unless set otherwise. */
const keptByDefault = 2000;

/**
 * Whether Node has dropped headers of a request over HTTP/1.1, as it does on a program's own server
 * that does not set `maxHeadersCount` to 0.
 */
export function lostHeaders({ rawHeaders, socket }: IncomingMessage): boolean {
  const { server } = socket as { server?: { maxHeadersCount?: unknown } };
  const set = server?.maxHeadersCount;
  const kept = typeof set === "number" ? 2 * set : keptByDefault;
  return kept > 0 && rawHeaders.length >= kept;
}

/** The answer to such a request. */
export function tooManyHeaders(): PlainResponse {
  return droppedHeaders();
}
