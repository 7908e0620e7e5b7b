import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import type {
  UniversalHandlerFn,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { type PeerAddress, peerAddressKey } from "../service/peer-address.js";
import { cutWire } from "../service/wire.js";
import { nodeHeaders, nodeTrailers, webHeaders } from "./headers.js";
import { readBody } from "./request-body.js";

/*
 * From an HTTP/2 stream to a handler and back, in place of Node's compatibility layer for
 * HTTP/1, whose request and response objects cost more a message than the rest together.
 */

/** How long a client that has its answer may go on sending, in milliseconds. */
const lingerMs = 1000;

/** Runs a handler for a stream. What fails ends the stream. */
export function handleStream(
  handler: UniversalHandlerFn,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  addressOf: PeerAddress,
): void {
  const call = new StreamCall(stream);
  new Promise<UniversalServerResponse>((resolve) => {
    resolve(handler(requestOf(stream, headers, call, addressOf)));
  })
    .then(call.answer)
    .catch(call.fail);
}

function requestOf(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  call: StreamCall,
  addressOf: PeerAddress,
): UniversalServerRequest {
  const scheme = `${stream.session?.encrypted ? "https" : "http"}://`;
  const authority = headers[":authority"] ?? headers.host ?? "localhost";
  // Node's own client writes "::1:8080", without the brackets that a URL needs.
  const host = URL.canParse(scheme + authority) ? authority : "localhost";
  return {
    httpVersion: "2.0",
    method: headers[":method"] as string,
    url: `${scheme}${host}${headers[":path"]}`,
    header: webHeaders(headers),
    body: readBody(stream),
    signal: call.signal,
    contextValues: createContextValues()
      .set(cutWire, call.cut)
      .set(peerAddressKey, addressOf(connectionAddress(stream), headers["x-forwarded-for"])),
  };
}

/** What is held of a call as long as it lasts: not its request. */
class StreamCall {
  private readonly controller = new AbortController();
  private answered = false;

  constructor(private readonly stream: ServerHttp2Stream) {
    stream.once("close", () => {
      if (!this.answered) {
        this.controller.abort(clientLeft(stream.rstCode));
      }
    });
    stream.on("error", ignore); // "close" follows, and tells the call.
  }

  /** Aborted when the client leaves before it has its answer. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  readonly answer = async (response: UniversalServerResponse) => {
    this.answered = await respond(this.stream, response);
  };

  /** The handler's own errors are in its response, and in the call's log line. */
  readonly fail = () => this.stream.close(constants.NGHTTP2_INTERNAL_ERROR);

  readonly cut = () => this.stream.close(constants.NGHTTP2_CANCEL);
}

/** A session that is closing has lost its socket, and throws when it is asked for it. */
function connectionAddress({ session }: ServerHttp2Stream): string | undefined {
  return session?.destroyed === false ? session.socket.remoteAddress : undefined;
}

/** Sends a response; false if the client left before it was whole. */
async function respond(
  stream: ServerHttp2Stream,
  response: UniversalServerResponse,
): Promise<boolean> {
  const body = response.body?.[Symbol.asyncIterator]();
  try {
    // The head goes out with the first chunk, which of most streams is empty and there at once.
    let chunk = await body?.next();
    if (stream.destroyed) {
      return false;
    }
    const { trailer } = response;
    if (trailer) {
      stream.once("wantTrailers", () => stream.sendTrailers(nodeTrailers(trailer)));
    }
    stream.respond(
      { ":status": response.status, ...(response.header && nodeHeaders(response.header)) },
      { waitForTrailers: trailer !== undefined },
    );
    for (; chunk && !chunk.done; chunk = await body?.next()) {
      if (stream.destroyed) {
        return false;
      }
      if (chunk.value.length > 0 && !stream.write(chunk.value)) {
        await drained(stream);
      }
    }
    endStream(stream);
    return true;
  } finally {
    body?.return?.()?.catch(ignore);
  }
}

/**
 * Ends a stream with its answer. What its client still sends is let through for a while,
 * then the client is told that nobody reads it (RFC 9113, 8.1): told at once, it would take
 * the answer for cut off.
 */
export function endStream(stream: ServerHttp2Stream, body = ""): void {
  stream.end(body);
  if (!stream.readableEnded) {
    stream.resume();
    stream.once("finish", () => {
      const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), lingerMs);
      stream.once("close", () => clearTimeout(timer));
    });
  }
}

/** Resolves when the stream takes more, or never will. */
function drained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done).off("close", done);
      resolve();
    };
    stream.on("drain", done).on("close", done);
  });
}

function clientLeft(code: number | undefined): ConnectError {
  return new ConnectError(`the client left (HTTP/2 error code ${code ?? 0})`, Code.Canceled);
}

function ignore(): void {}
