import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { UniversalHandlerFn } from "@connectrpc/connect/protocol";
import { LazyAbort } from "../../async/lazy-abort.js";
import { becomeKnown } from "../limits/authenticated-connections.js";
import type { Unread } from "../limits/unread-bytes.js";
import { peerAddressKey } from "../net/peer-address.js";
import { readableHost, withoutAuthority } from "../net/request-target.js";
import { unreadKey, type Wire, wireKey } from "../service/call/context.js";
import { clientLeft } from "../service/call/errors.js";
import { CallValues, WireRequest } from "../service/call/request.js";
import { LazyHeaders } from "../util/lazy-headers.js";
import type { CallAdmission } from "./admission/call-admission.js";
import { createStreamAdmission } from "./admission/stream-admission.js";
import type { Clients, ErrorReport } from "./clients.js";
import { refusedFraming } from "./framing.js";
import { lostHeaders, tooManyHeaders } from "./header-bytes.js";
import type { MisdirectedAnswer } from "./host-check.js";
import { type PipeliningOptions, withPipelining } from "./http1/pipelining.js";
import { endUpload, writeResponse } from "./http1/response.js";
import { endStream, handleStream } from "./http2/stream.js";
import { asUpgrade, opensWebSocket } from "./http2/websocket-stream.js";
import type { RequestListener, StreamListener, UpgradeListener } from "./node-listeners.js";
import { http2Headers } from "./plain-response.js";
import { readBody } from "./request-body.js";
import type { Route } from "./router.js";
import { setCertificateName } from "./tls/client-certificate.js";

/** What requests pass through. */
export interface ListenerOptions extends Clients, ErrorReport {
  readonly route: Route;
  readonly misdirected: MisdirectedAnswer;
  readonly admission: CallAdmission;
}

/** @param ahead what to do with requests that are sent ahead on HTTP/1 */
export function createRequestListener(
  { route, misdirected, admission, ...clients }: ListenerOptions,
  ahead: Omit<PipeliningOptions, keyof Clients>,
): RequestListener {
  const serveNow: RequestListener = (request, response) => {
    const { method = "", url: target = "", headers } = request;
    const isLossy = request.httpVersionMajor === 1 && lostHeaders(request as IncomingMessage);
    const found = isLossy
      ? tooManyHeaders()
      : (refusedFraming(request) ??
        misdirected({ target, headers }) ??
        route(method, target, headers));
    if (typeof found === "function") {
      handleRequest(found, request, response, clients);
    } else {
      const headers = request.httpVersionMajor === 1 ? { ...found.headers } : http2Headers(found);
      (response as ServerResponse).writeHead(found.status, headers);
      response.end(request.method === "HEAD" ? "" : found.body);
      endUpload(request, response);
    }
  };
  const serve: RequestListener = (request, response) => {
    const connection = connectionOf(request);
    if (connection === undefined) {
      return; // Its client has left.
    }
    admission.call({
      connection,
      remoteAddress: request.socket.remoteAddress,
      headers: request.headers,
      begin() {
        if (response.destroyed) {
          return false;
        }
        serveNow(request, response);
        return true;
      },
    });
  };
  return withPipelining(serve, { ...clients, ...ahead });
}

/** @param upgrade opens WebSockets */
export function createStreamListener(
  options: ListenerOptions,
  upgrade: UpgradeListener,
): StreamListener {
  const { route, misdirected, admission, ...clients } = options;
  return createStreamAdmission(admission, (stream, headers) => {
    const method = String(headers[":method"]);
    const target = String(headers[":path"]);
    if (opensWebSocket(headers)) {
      const { request, socket } = asUpgrade(stream, headers);
      upgrade(request, socket, Buffer.alloc(0));
      return;
    }
    const found = misdirected({ target, headers }) ?? route(method, target, headers);
    if (typeof found === "function") {
      handleStream(found, stream, headers, clients);
    } else {
      stream.on("error", () => {}); // The client left; nothing is lost.
      const body = method === "HEAD" ? "" : found.body;
      // Without a body the headers end the stream: gRPC clients look for an error only in such
      // headers.
      const endStreamNow = body === "";
      stream.respond(
        { ":status": found.status, ...http2Headers(found) },
        { endStream: endStreamNow },
      );
      endStream(stream, body);
    }
  });
}

function connectionOf(request: IncomingMessage | Http2ServerRequest): object | undefined {
  return "stream" in request ? request.stream.session : request.socket;
}

async function handleRequest(
  handler: UniversalHandlerFn,
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
  { onError, ...clients }: Clients & ErrorReport,
): Promise<void> {
  const { remoteAddress } = request.socket;
  const address = clients.addressOf(remoteAddress, request.headers["x-forwarded-for"]);
  const call = new RequestCall(request, response, clients.unread.open(address));
  try {
    const result = await handler(call.requestFrom(address));
    await writeResponse(result, response);
    endUpload(request, response);
  } catch (error) {
    // The method's own errors are in its response, and in the call's log line.
    if (!call.hasLeft) {
      onError(error);
    }
    response.destroy();
  }
}

/** A call by one of Node's requests, of HTTP/1.1 or in its form. */
class RequestCall implements Wire {
  readonly abort = new LazyAbort();
  hasLeft = false;
  readonly #request: IncomingMessage | Http2ServerRequest;
  readonly #response: ServerResponse | Http2ServerResponse;
  readonly #unread: Unread;

  constructor(
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    unread: Unread,
  ) {
    this.#request = request;
    this.#response = response;
    this.#unread = unread;

    response.on("close", () => {
      this.hasLeft = true;
      unread.end();
      if (!response.writableFinished) {
        this.abort.abort(clientLeft());
      }
    });
  }

  requestFrom(address: string): WireRequest {
    const { headers, httpVersion, method = "", socket, url = "" } = this.#request;
    const scheme = "encrypted" in socket && socket.encrypted ? "https" : "http";
    const host = readableHost((headers[":authority"] as string | undefined) ?? headers.host);
    return new WireRequest(
      httpVersion,
      method,
      `${scheme}://${host}${withoutAuthority(url)}`,
      new LazyHeaders(headers, true),
      readBody(this.#request, this.#unread),
      setCertificateName(
        new CallValues()
          .set(wireKey, this)
          .set(peerAddressKey, address)
          .set(unreadKey, this.#unread),
        connectionOf(this.#request),
      ),
      this.abort,
    );
  }

  authenticated(): void {
    becomeKnown(connectionOf(this.#request));
  }

  cut(): void {
    this.#response.destroy();
  }
}
