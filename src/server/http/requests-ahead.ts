import type { Socket } from "node:net";
import type { RequestListener } from "./listeners.js";

/** So many requests may wait for the one before; a client that sends more is cut. */
const maxWaiting = 1000;

/**
 * A client of HTTP/1 may send requests before it has its answers. They are served one after
 * the other, so that one connection does not keep the others waiting, and that none is begun
 * whose client has left: of the responses that wait Node would not tell.
 *
 * @param timeoutMs the connection is cut when nothing moves on it for so long while requests
 *   wait: Node may have stopped reading, and then does not see that the client has left
 */
export function oneAfterTheOther(serve: RequestListener, timeoutMs: number): RequestListener {
  const waiting = new WeakMap<Socket, number>();
  return (request, response) => {
    if (response.socket !== null) {
      serve(request, response); // Its turn has come, or it is HTTP/2.
      return;
    }
    const { socket } = request;
    const before = waiting.get(socket) ?? 0;
    if (before === maxWaiting) {
      socket.destroy();
      return;
    }
    if (before === 0) {
      socket.setTimeout(timeoutMs);
    }
    waiting.set(socket, before + 1);
    response.once("socket", () => {
      const left = waiting.get(socket)! - 1;
      waiting.set(socket, left);
      if (left === 0) {
        socket.setTimeout(0);
      }
      setImmediate(() => {
        if (!socket.destroyed) {
          serve(request, response);
        }
      });
    });
  };
}
