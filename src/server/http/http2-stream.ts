import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import type {
  UniversalHandlerFn,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { type PeerAddress, peerAddressKey } from "../service/peer-address.js";
import { type Wire, wireKey } from "../service/wire.js";
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
    .then((response) => call.answer(response))
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
    signal: call.controller.signal,
    contextValues: createContextValues()
      .set(wireKey, call)
      .set(peerAddressKey, addressOf(connectionAddress(stream), headers["x-forwarded-for"])),
  };
}

/**
 * What is held of a call as long as it lasts: not its request, nor what an async function
 * would hold while it waits, which is a KiB for each of tens of thousands of idle streams.
 */
class StreamCall implements Wire {
  /** Its signal is aborted when the client leaves before it has its answer. */
  readonly controller = new AbortController();
  private isAnswered = false;
  private isFull = false;
  /** What is still to be sent. */
  private body: AsyncIterator<Uint8Array> | undefined;

  constructor(private readonly stream: ServerHttp2Stream) {
    stream.on("close", () => {
      if (!this.isAnswered) {
        this.controller.abort(clientLeft(stream.rstCode));
      }
      if (this.isFull) {
        this.release();
      }
    });
    stream.on("error", ignore); // "close" follows, and tells the call.
  }

  /** Sends a response; resolves when its head is sent. */
  async answer(response: UniversalServerResponse): Promise<void> {
    this.body = response.body?.[Symbol.asyncIterator]();
    // The head goes out with the first chunk, which of most streams is empty and there at once.
    const first = (await this.body?.next()) ?? { done: true, value: undefined };
    if (!this.stream.destroyed) {
      sendHead(this.stream, response);
    }
    this.send(first);
  }

  /** The handler's own errors are in its response, and in the call's log line. */
  readonly fail = () => {
    this.release();
    this.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  };

  cut(): void {
    this.stream.close(constants.NGHTTP2_CANCEL);
  }

  private readonly send = (chunk: IteratorResult<Uint8Array>): void => {
    const { stream } = this;
    if (stream.destroyed) {
      this.release();
    } else if (chunk.done) {
      endStream(stream);
      this.isAnswered = true;
      this.release();
    } else if (chunk.value.length === 0 || stream.write(chunk.value)) {
      this.goOn();
    } else {
      this.isFull = true;
      stream.once("drain", () => this.goOn());
    }
  };

  private goOn(): void {
    this.isFull = false;
    this.body?.next().then(this.send, this.fail);
  }

  private release(): void {
    this.body?.return?.()?.catch(ignore);
    this.body = undefined;
  }
}

/** A session that is closing has lost its socket, and throws when it is asked for it. */
function connectionAddress({ session }: ServerHttp2Stream): string | undefined {
  return session?.destroyed === false ? session.socket.remoteAddress : undefined;
}

function sendHead(stream: ServerHttp2Stream, response: UniversalServerResponse): void {
  const { status, header, trailer } = response;
  if (trailer) {
    stream.on("wantTrailers", () => stream.sendTrailers(nodeTrailers(trailer)));
  }
  stream.respond(
    { ":status": status, ...(header && nodeHeaders(header)) },
    { waitForTrailers: trailer !== undefined },
  );
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

function clientLeft(code: number | undefined): ConnectError {
  return new ConnectError(`the client left (HTTP/2 error code ${code ?? 0})`, Code.Canceled);
}

function ignore(): void {}
