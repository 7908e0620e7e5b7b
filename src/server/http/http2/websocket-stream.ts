import { IncomingMessage } from "node:http";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connectionAddress } from "./stream.js";

/*
 * WebSockets over HTTP/2 (RFC 8441): an extended CONNECT opens one as a stream of an existing
 * connection. Browsers do so over TLS if the server's HTTP/2 settings offer it.
 *
 * To the bridge, such a stream looks like the socket of an upgrade over HTTP/1.1: it gets an
 * equivalent request, and the response headers that it writes become those of the stream.
 */

/** Over HTTP/1.1, the key proves that the server supports WebSockets. Here, CONNECT does that. */
const anyKey = Buffer.alloc(16).toString("base64");

/** Headers of HTTP/1.1's handshake, which have no meaning on a stream. */
const handshakeHeaders = new Set(["connection", "upgrade", "sec-websocket-accept"]);

/** Whether a request opens a WebSocket. */
export function opensWebSocket(headers: IncomingHttpHeaders): boolean {
  return headers[":method"] === "CONNECT" && headers[":protocol"] === "websocket";
}

/** The stream as an upgrade over HTTP/1.1. */
export function asUpgrade(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): { request: IncomingMessage; socket: Duplex } {
  const socket = Object.assign(stream, { remoteAddress: connectionAddress(stream) });
  const request = new IncomingMessage(socket as unknown as Socket);
  request.method = "GET";
  request.url = headers[":path"] ?? "/";
  request.httpVersion = "1.1";
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  const fields = Object.entries(headers).filter(([name]) => !name.startsWith(":"));
  request.headers = {
    ...Object.fromEntries(fields),
    host: headers[":authority"] ?? headers.host,
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-key": anyKey,
  };
  destroyLater(stream);
  // After a reset without an error Node waits for output that has nowhere to go.
  stream.once("aborted", () => stream.destroy());
  answerByHeaders(socket);
  return { request, socket };
}

/**
 * Makes `destroy` wait for the next turn of the event loop. While Node processes received frames it
 * also runs callbacks; a stream with output that is destroyed in one of them makes nghttp2 send in
 * the middle of that, and free memory twice: the process ends (nodejs/node#64113 and #38964).
 */
function destroyLater(stream: ServerHttp2Stream): void {
  const { destroy } = stream;
  stream.destroy = (error) => {
    setImmediate(() => destroy.call(stream, error));
    return stream;
  };
}

/** Converts the head that is written first into the stream's headers. */
function answerByHeaders(stream: ServerHttp2Stream): void {
  const { write, end } = stream;
  /** Responds, and returns what follows the head. */
  const respond = (bytes: Buffer | string): Buffer => {
    Object.assign(stream, { write, end });
    const text = bytes.toString("latin1");
    const headEnd = text.indexOf("\r\n\r\n");
    const [status = "", ...lines] = text.slice(0, headEnd).split("\r\n");
    const code = Number(status.split(" ")[1]);
    const fields = lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    });
    const kept = fields.filter(([name]) => !handshakeHeaders.has(name));
    // The client may have left while its token was checked.
    if (!stream.closed && !stream.destroyed) {
      stream.respond({ ...Object.fromEntries(kept), ":status": code === 101 ? 200 : code });
    }
    return Buffer.from(text.slice(headEnd + 4), "latin1");
  };
  Object.assign(stream, {
    write(bytes: Buffer | string, ...rest: []) {
      const body = respond(bytes);
      return body.length === 0 || stream.write(body, ...rest);
    },
    end(bytes?: Buffer | string, ...rest: []) {
      if (bytes === undefined) {
        // Node itself does it to a stream that is reset before its answer.
        Object.assign(stream, { write, end });
        return stream.end();
      }
      const body = respond(bytes);
      return stream.end(body, ...rest);
    },
  });
}

/** The connection under the socket of an upgrade: the socket itself, or that of its stream. */
export function connectionOf(socket: Duplex): object | undefined {
  return "session" in socket ? (socket as ServerHttp2Stream).session : socket;
}
