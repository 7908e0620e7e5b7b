import { type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Server as TlsServer } from "node:tls";
import { otherUpgrade } from "./errors.js";
import { writeHttpAnswer } from "./http-answer.js";

/** Whether a request asks for a WebSocket, and not for another protocol. */
export function wantsWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === "websocket";
}

/**
 * Returns a request with an `Upgrade` to another protocol than WebSocket to its server.
 *
 * Once a Node server has a listener for "upgrade", it gets every such request (`curl --http2` and
 * Java's HttpClient offer h2c with each), though HTTP lets a server ignore the offer. So the
 * headers are rewritten without it and put back before what follows, and the connection is passed
 * to the server as if it were new.
 */
export function passOtherUpgradeOn(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const server = (request.socket as Duplex & { server?: Server | TlsServer }).server;
  if (server === undefined) {
    writeHttpAnswer(request, socket, otherUpgrade());
    return;
  }
  if (socket !== request.socket || request.readableLength > 0) {
    answerWithBody(request, socket, server);
    return;
  }
  socket.unshift(Buffer.concat([headersWithoutUpgrade(request), head]));
  whenAnswered(socket, () =>
    server.emit(server instanceof TlsServer ? "secureConnection" : "connection", socket),
  );
}

/**
 * Lets the server answer a request whose body Node has begun to read, as it does from version 26
 * on; then the connection is closed.
 */
function answerWithBody(
  request: IncomingMessage,
  socket: Duplex,
  server: Server | TlsServer,
): void {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  socket.on("error", () => socket.destroy());
  whenAnswered(request.socket, () => {
    response.assignSocket(socket as Socket);
    socket.on("drain", () => response.emit("drain"));
    response.once("finish", () => socket.end());
    server.emit("request", request, response);
  });
}

/**
 * Calls back when earlier requests of a client that pipelines have their answers: the server writes
 * those of a new connection only to a socket that has no other.
 */
function whenAnswered(socket: Duplex, callback: () => void): void {
  const response = (socket as Duplex & { _httpMessage?: ServerResponse | null })._httpMessage;
  if (!response) {
    callback();
    return;
  }
  // Node has released the socket: nobody else would be notified of these.
  const onError = () => socket.destroy();
  const onDrain = () => response.emit("drain");
  socket.on("error", onError).on("drain", onDrain);
  response.once("finish", () => {
    socket.off("error", onError).off("drain", onDrain);
    if (!socket.destroyed) {
      whenAnswered(socket, callback);
    }
  });
}

function headersWithoutUpgrade(request: IncomingMessage): Buffer {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i] ?? "";
    const value = request.rawHeaders[i + 1] ?? "";
    switch (name.toLowerCase()) {
      case "upgrade":
      case "http2-settings":
        break;
      case "connection": {
        const kept = value
          .split(",")
          .filter((token) => !/^\s*(upgrade|http2-settings)\s*$/i.test(token));
        if (kept.length > 0) {
          lines.push(`${name}: ${kept.join(",").trim()}`);
        }
        break;
      }
      default:
        lines.push(`${name}: ${value}`);
    }
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}
