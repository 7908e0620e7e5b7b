import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { connectTimeout } from "../errors.js";

/**
 * Connects for `node:http2` as it does by itself, but not for ever: an address that drops
 * packets is otherwise tried for two minutes and more. The socket's error is then ETIMEDOUT.
 */
export function connectWithin(limitMs: number): (authority: URL) => Socket {
  return ({ protocol, hostname, port }) => {
    const host = hostname.replace(/^\[|\]$/g, "");
    const isTls = protocol === "https:";
    const servername = isIP(host) ? "" : host;
    const socket = isTls
      ? connectTls({ host, port: Number(port || 443), servername, ALPNProtocols: ["h2"] })
      : connectTcp({ host, port: Number(port || 80) });
    const timer = setTimeout(() => socket.destroy(timedOut(limitMs)), limitMs);
    const stop = () => clearTimeout(timer);
    return socket.once(isTls ? "secureConnect" : "connect", stop).once("close", stop);
  };
}

function timedOut(limitMs: number): NodeJS.ErrnoException {
  const error = connectTimeout({ seconds: limitMs / 1000 });
  return Object.assign(error, { code: "ETIMEDOUT", syscall: "connect" });
}
