import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type {
  UniversalHandlerFn,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { LazyAbort } from "../../../async/lazy-abort.js";
import { maySleep, type Sleeper } from "../../../async/push.js";
import { becomeKnown } from "../../limits/authenticated-connections.js";
import type { Unread } from "../../limits/unread-bytes.js";
import { peerAddressKey } from "../../net/peer-address.js";
import { readableHost } from "../../net/request-target.js";
import { unreadKey, type Wire, wireKey } from "../../service/call/context.js";
import { clientLeft } from "../../service/call/errors.js";
import { CallValues, WireRequest } from "../../service/call/request.js";
import { LazyHeaders, nodeFields } from "../../util/lazy-headers.js";
import { TurnQueue } from "../../util/turn-queue.js";
import { WholeBody } from "../../util/whole-body.js";
import type { Clients, ErrorReport } from "../clients.js";
import { nodeTrailers } from "../headers.js";
import { readBody } from "../request-body.js";
import { setCertificateName } from "../tls/client-certificate.js";

/*
 * From an HTTP/2 stream to a handler and back, in place of Node's compatibility layer for HTTP/1,
 * whose request and response objects cost more for each message than everything else together.
 */

/** How long a client that has its answer may continue sending, in milliseconds. */
const lingerMs = 1000;

/**
 * Calls whose client has left. One packet can reset thousands, and a connection that breaks ends
 * all of its calls: a few are notified in each turn of the event loop.
 */
const departures = new TurnQueue<StreamCall>(20, (call) => call.leave());

/**
 * Runs a handler for a stream. A failure ends the stream, and is reported unless its client left.
 */
export function handleStream(
  handler: UniversalHandlerFn,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { onError, ...clients }: Clients & ErrorReport,
): void {
  const address = clients.addressOf(connectionAddress(stream), headers["x-forwarded-for"]);
  const call = new StreamCall(stream, clients.unread.open(address), onError);
  new Promise<UniversalServerResponse>((resolve) => {
    resolve(handler(requestOf(stream, headers, call, address)));
  })
    .then((response) => call.answer(response))
    .catch((error) => call.fail(error));
}

function requestOf(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  call: StreamCall,
  address: string,
): UniversalServerRequest {
  const scheme = `${stream.session?.encrypted ? "https" : "http"}://`;
  const host = readableHost(headers[":authority"] ?? headers.host);
  return new WireRequest(
    "2.0",
    headers[":method"] as string,
    `${scheme}${host}${headers[":path"]}`,
    new LazyHeaders(headers, true),
    readBody(stream, call.unread),
    setCertificateName(
      new CallValues().set(wireKey, call).set(peerAddressKey, address).set(unreadKey, call.unread),
      stream.session,
    ),
    call.abort,
  );
}

/**
 * What is kept of a call while it lasts: not its request, nor what an async function would hold
 * while it waits, which is a KiB for each of tens of thousands of idle streams.
 */
class StreamCall implements Wire, Sleeper<Uint8Array> {
  /** For the request's signal, which is aborted when the client leaves before it has its answer. */
  readonly abort = new LazyAbort();
  #isAnswered = false;
  #isFull = false;
  /** What has not been sent yet. */
  #body: AsyncIterator<Uint8Array> | undefined;
  #trailer: Headers | undefined;
  readonly #stream: ServerHttp2Stream;
  readonly #onError: ErrorReport["onError"];

  constructor(
    stream: ServerHttp2Stream,
    readonly unread: Unread,
    onError: ErrorReport["onError"],
  ) {
    this.#stream = stream;
    this.#onError = onError;

    (stream as CalledStream)[ownCall] = this;
    stream.on("close", onClose);
    stream.on("error", ignore); // "close" follows, and notifies the call.
  }

  closed(): void {
    this.unread.end();
    if (!this.#isAnswered) {
      departures.add(this);
    } else if (this.#isFull) {
      this.#release();
    }
  }

  /** Sends a response; resolves when its headers are sent. */
  async answer(response: UniversalServerResponse): Promise<void> {
    if (response.body instanceof WholeBody) {
      if (!this.#stream.destroyed) {
        this.#sendHeaders(response);
        endStream(this.#stream, response.body.bytes);
        this.#isAnswered = true;
      }
      return;
    }
    this.#body = response.body?.[Symbol.asyncIterator]();
    // The headers are sent with the first chunk, which for most streams is empty and available at
    // once.
    const first = (await this.#body?.next()) ?? { done: true, value: undefined };
    if (!this.#stream.destroyed) {
      this.#sendHeaders(response);
    }
    this.#send(first);
  }

  /** The method's own errors are in its response, and in the call's log line. */
  fail(error: unknown): void {
    this.#release();
    if (!this.#stream.closed) {
      this.#onError(error);
    }
    // In a turn of its own, as in session-end.ts: a reset sends what is pending, which nghttp2 must
    // not do while it processes received frames. (Node itself defers a reset with CANCEL.)
    setImmediate(() => this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  }

  authenticated(): void {
    becomeKnown(this.#stream.session);
  }

  cut(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  /** The client has left before it had its answer. */
  leave(): void {
    this.abort.abort(clientLeft(` (HTTP/2 error code ${this.#stream.rstCode ?? 0})`));
    if (this.#isFull) {
      this.#release();
    }
  }

  sendTrailers(): void {
    this.#stream.sendTrailers(nodeTrailers(this.#trailer!));
  }

  #sendHeaders({ status, header, trailer }: UniversalServerResponse): void {
    if (trailer) {
      this.#trailer = trailer;
      this.#stream.on("wantTrailers", onWantTrailers);
    }
    this.#stream.respond(
      { ":status": status, ...(header && nodeFields(header)) },
      { waitForTrailers: trailer !== undefined },
    );
  }

  #send(chunk: IteratorResult<Uint8Array>): void {
    const stream = this.#stream;
    if (stream.destroyed) {
      this.#release();
    } else if (chunk.done) {
      endStream(stream);
      this.#isAnswered = true;
      this.#release();
    } else {
      const full = chunk.value.length > 0 ? this.push(chunk.value) : undefined;
      if (full) {
        full.then(() => this.#goOn()).catch((error) => this.fail(error));
      } else {
        this.#goOn();
      }
    }
  }

  /** A stream that is closed stays full. */
  push(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#stream.write(bytes)) {
      return undefined;
    }
    this.#isFull = true;
    return new Promise((resolve) => {
      this.#stream.once("drain", () => {
        this.#isFull = false;
        resolve();
      });
    });
  }

  wake(chunk: IteratorResult<Uint8Array> | Promise<IteratorResult<Uint8Array>>): void {
    Promise.resolve(chunk)
      .then((chunk) => this.#send(chunk))
      .catch((error) => this.fail(error));
  }

  #goOn(): void {
    const body = this.#body;
    const chunk = body && (maySleep(body) ? body.nextOrSleep(this) : body.next());
    if (chunk) {
      this.wake(chunk);
    }
  }

  #release(): void {
    this.#body?.return?.()?.catch(ignore);
    this.#body = undefined;
  }
}

/** A session that is closing has lost its socket, and throws when it is asked for it. */
export function connectionAddress({ session }: ServerHttp2Stream): string | undefined {
  return session?.destroyed === false ? session.socket.remoteAddress : undefined;
}

const ownCall = Symbol("call");

interface CalledStream extends ServerHttp2Stream {
  [ownCall]?: StreamCall;
}

// The same listeners serve all calls: tens of thousands may be idle.
function onClose(this: CalledStream): void {
  this[ownCall]?.closed();
}

function onWantTrailers(this: CalledStream): void {
  this[ownCall]?.sendTrailers();
}

/**
 * Ends a stream with its answer. What its client still sends is accepted and dropped for a while,
 * then the client is notified that nobody reads it (RFC 9113, 8.1): if it were notified at once, it
 * would consider the answer incomplete.
 */
export function endStream(stream: ServerHttp2Stream, body: string | Uint8Array = ""): void {
  stream.end(body);
  if (!stream.readableEnded) {
    stream.resume();
    stream.once("finish", () => {
      const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), lingerMs);
      stream.once("close", () => clearTimeout(timer));
    });
  }
}

function ignore(): void {}
