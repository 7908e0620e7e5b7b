import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";

/** Sees to each response before its request is served. */
export type WatchResponse = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void;

/**
 * A client of HTTP/1 may send requests before it has its answers: they are served, and their
 * responses wait for those before. When the connection goes, Node closes the one response
 * that is being written, and none that waits; and when there are many it reads no more, and
 * does not see that the client has left. So those that wait are closed with their connection,
 * which is cut when nothing moves on it for `timeoutMs` while they wait.
 */
export function watchWaitingResponses(timeoutMs: number): WatchResponse {
  const waiting = new WeakMap<Socket, Set<ServerResponse>>();

  function responsesOf(socket: Socket): Set<ServerResponse> {
    const known = waiting.get(socket);
    if (known) {
      return known;
    }
    const responses = new Set<ServerResponse>();
    waiting.set(socket, responses);
    socket.once("close", () => {
      for (const response of responses) {
        response.emit("close");
      }
    });
    return responses;
  }

  return ({ socket }, response) => {
    if (response.socket !== null) {
      return; // It is its turn, or HTTP/2.
    }
    const responses = responsesOf(socket);
    if (responses.size === 0) {
      socket.setTimeout(timeoutMs);
    }
    responses.add(response as ServerResponse);
    response.once("socket", () => {
      responses.delete(response as ServerResponse);
      if (responses.size === 0) {
        socket.setTimeout(0);
      }
    });
  };
}
