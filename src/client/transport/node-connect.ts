import { connect as connectSocket, isIP, type Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import { connectTimeout } from "../errors.js";

/** Where connections go, if not only to the host of the URL in cleartext or by Node's own TLS. */
export interface ConnectTarget {
  /** A Unix socket, instead of the host. */
  readonly path?: string | undefined;
  readonly secureContext?: SecureContext | undefined;
}

/**
 * Connects for `node:http2` as it does itself, but with a time limit: otherwise an address that
 * drops packets is tried for two minutes and more. The socket's error is then ETIMEDOUT.
 */
export function connectWithin(
  limitMs: number,
  { path, secureContext }: ConnectTarget = {},
): (authority: URL) => Socket {
  return ({ protocol, hostname, port }) => {
    const host = hostname.replace(/^\[|\]$/g, "");
    const isTls = protocol === "https:";
    const servername = isIP(host) ? "" : host;
    const socket = isTls
      ? connectTls({
          ...{ host, port: Number(port || 443), servername },
          ...{ secureContext, ALPNProtocols: ["h2"] },
        })
      : path === undefined
        ? connectSocket({ host, port: Number(port || 80) })
        : connectPath(path);
    const timer = setTimeout(() => socket.destroy(timedOut(limitMs)), limitMs);
    const stop = () => clearTimeout(timer);
    return socket.once(isTls ? "secureConnect" : "connect", stop).once("close", stop);
  };
}

/** Connects to a Unix socket. */
export function connectPath(path: string): Socket {
  return connectSocket({ path }).once("error", (error: NodeJS.ErrnoException) => {
    // A server that has stopped has removed the file. Connect calls only what is refused, and not
    // what is missing, `unavailable`; it looks at causes, too.
    if (error.code === "ENOENT") {
      error.cause = Object.assign(new Error("no server listens there"), { code: "ECONNREFUSED" });
    }
  });
}

function timedOut(limitMs: number): NodeJS.ErrnoException {
  const error = connectTimeout({ seconds: limitMs / 1000 });
  return Object.assign(error, { code: "ETIMEDOUT", syscall: "connect" });
}
