import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Limits } from "../../limits/limits.js";
import type { Unread } from "../../limits/unread-bytes.js";
import type { Clients } from "../clients.js";
import type { RequestListener } from "../node-listeners.js";

/**
 * When this many bytes wait on a connection, no more is read from it: TCP stops a client that goes
 * on sending. The last read may bring up to 64 KiB more.
 */
const pauseAt = { requests: 256, headerBytes: 32 * 1024 };

/** Maximum number of requests that wait on one connection; a client that sends more is cut off. */
const maxWaiting = 1000;

/** The memory of a waiting request besides its headers, in bytes. */
const requestCost = 2048;

export interface PipeliningOptions extends Clients {
  /**
   * The connection is cut when nothing moves on it for this time while requests wait, in
   * milliseconds: while nothing is read, nobody notices that the client has left.
   */
  readonly waitMs: number;
  readonly onRefused: Limits["onRefused"];
}

/** The waiting requests of one connection. */
interface Waiting {
  count: number;
  headerBytes: number;
  readonly unread: Unread;
}

/**
 * An HTTP/1 client may send requests before it has its answers. They are served one after the
 * other, so that one connection does not keep the others waiting, and so that none is begun whose
 * client has left: Node would not report that for responses that wait. Waiting requests are counted
 * as unread; a client that sends too far ahead is not read from until its turn comes.
 */
export function withPipelining(
  serve: RequestListener,
  { addressOf, unread, waitMs, onRefused }: PipeliningOptions,
): RequestListener {
  const connections = new WeakMap<Socket, Waiting>();

  function waitingOn({ socket, headers }: IncomingMessage): Waiting {
    let waiting = connections.get(socket);
    if (!waiting) {
      const address = addressOf(socket.remoteAddress, headers["x-forwarded-for"]);
      waiting = { count: 0, headerBytes: 0, unread: unread.open(address) };
      connections.set(socket, waiting);
      const opened = waiting;
      socket.once("close", () => opened.unread.end());
      socket.on("resume", () => {
        if (isFull(opened)) {
          socket.pause(); // Node resumes when a method takes the body before.
        }
      });
    }
    return waiting;
  }

  return (request, response) => {
    if (response.socket !== null) {
      serve(request, response); // Its turn has come, or it is HTTP/2.
      return;
    }
    const { socket } = request;
    if (socket.destroyed) {
      return; // Cut off, with more requests in the same packet.
    }
    const waiting = waitingOn(request as IncomingMessage);
    const bytes = headerBytesOf(request as IncomingMessage);
    if (waiting.count === maxWaiting) {
      onRefused("requests_ahead");
      socket.destroy();
      return;
    }
    if (waiting.unread.add(bytes + requestCost)) {
      socket.destroy();
      return;
    }
    if (waiting.count === 0) {
      socket.setTimeout(waitMs);
    }
    waiting.count++;
    waiting.headerBytes += bytes;
    if (isFull(waiting)) {
      socket.pause();
    }
    response.once("socket", () => {
      waiting.unread.remove(bytes + requestCost);
      const wasFull = isFull(waiting);
      waiting.count--;
      waiting.headerBytes -= bytes;
      if (wasFull && !isFull(waiting)) {
        socket.resume();
      }
      if (waiting.count === 0) {
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

function isFull({ count, headerBytes }: Waiting): boolean {
  return count >= pauseAt.requests || headerBytes >= pauseAt.headerBytes;
}

function headerBytesOf({ url = "", rawHeaders }: IncomingMessage): number {
  return rawHeaders.reduce((bytes, text) => bytes + text.length, url.length);
}
