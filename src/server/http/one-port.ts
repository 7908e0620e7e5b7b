import type { Server as HttpServer } from "node:http";
import type { Http2Server } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";

/** What every HTTP/2 connection begins with (RFC 9113, 3.4). */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** How long a connection may say nothing that tells its protocol, in milliseconds. */
const firstBytesTimeoutMs = 10_000;

/** One cleartext port for two servers. */
export interface OnePort {
  /** The one that listens. */
  readonly server: Server;
  /** Ends the connections that have not told their protocol yet. */
  closeUndecided(): void;
}

/**
 * One cleartext port for HTTP/1.1 and HTTP/2 with prior knowledge: a connection is handed
 * to the one server or the other by its first bytes. Neither of them listens itself.
 */
export function createOnePort(http1: HttpServer, http2: Http2Server): OnePort {
  // Without a "listening" of its own, Node's HTTP/1 server would neither time out slow
  // heads nor know which connections are idle.
  http1.emit("listening");
  const undecided = new Set<Socket>();
  const server = createServer((socket) => {
    undecided.add(socket);
    socket.once("close", () => undecided.delete(socket));
    socket.setNoDelay(true);
    decide(socket, (isHttp2) => {
      undecided.delete(socket);
      (isHttp2 ? http2 : http1).emit("connection", socket);
    });
  });
  return {
    server,
    closeUndecided() {
      for (const socket of undecided) {
        socket.destroy();
      }
    },
  };
}

function decide(socket: Socket, handOver: (isHttp2: boolean) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  // Until a server has taken it, a reset would otherwise be an uncaught exception.
  const onError = () => socket.destroy();
  const onTimeout = () => socket.destroy();
  socket.on("error", onError);
  socket.setTimeout(firstBytesTimeoutMs, onTimeout);
  socket.on("readable", onReadable);
  socket.on("end", onEnd);

  function onReadable(): void {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) {
      return;
    }
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, preface.length);
    if (preface.compare(seen, 0, length, 0, length) !== 0) {
      if (seen.toString("latin1", 0, 4) === "PRI ") {
        refuse(); // Node's HTTP/1 parser would wait for ever for what follows.
      } else {
        give(false);
      }
    } else if (length === preface.length) {
      give(true);
    }
  }

  function onEnd(): void {
    socket.destroy();
  }

  function refuse(): void {
    socket.off("readable", onReadable);
    socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    socket.resume(); // Its end is seen only when all that comes before it is read.
  }

  function give(isHttp2: boolean): void {
    socket.off("readable", onReadable);
    socket.off("end", onEnd);
    socket.off("error", onError);
    socket.setTimeout(0);
    socket.off("timeout", onTimeout);
    socket.unshift(seen);
    handOver(isHttp2);
  }
}
