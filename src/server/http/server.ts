import { createServer as createHttp1, type Server as HttpServer } from "node:http";
import { createServer as createHttp2, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { Server, Socket } from "node:net";
import type { Chatter } from "../chatter.js";
import { AddressConnections } from "../limits/address-connections.js";
import { limitConnectionAge } from "../limits/connection-age.js";
import { withHeaderLimit } from "../limits/header-bytes.js";
import type { Limits } from "../limits/limits.js";
import { endFloods, sessionOptions } from "../limits/session-floods.js";
import type { Certificate } from "./certificate.js";
import { listenOn, urlOf } from "./listen-on.js";
import { createOnePort, type OnePort } from "./one-port.js";
import { pingSessions } from "./session-pings.js";
import { createTls, renewCertificate } from "./tls.js";

/** What one HTTP/2 connection may upload before it is read: over a long way 64 KiB is slow. */
const sessionWindowBytes = 1024 * 1024;

/** How HTTP/1.1 is served: in milliseconds and bytes. */
export function http1Options({ maxHeaderBytes, requestTimeoutMs }: Limits) {
  return {
    /** A stream that uploads may last for days; its deadline and its token bound it. */
    requestTimeout: 0,
    /** A head that is slower than this gets 408. Without it, `requestTimeout` would stand for it. */
    headersTimeout: requestTimeoutMs,
    /** How often Node looks for such heads. */
    connectionsCheckingInterval: Math.min(requestTimeoutMs / 4, 15_000),
    keepAliveTimeout: 65_000,
    /** A larger head gets 431. Node refuses one of just this size, too. */
    maxHeaderSize: maxHeaderBytes + 1,
  };
}

export interface ListenOptions {
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /** 0 picks a free one. Default: 8080. */
  readonly port?: number;
  /** The port then takes nothing but TLS, 1.2 or newer. Default: none, it is cleartext. */
  readonly tls?: Certificate | undefined;
  /**
   * How long a connection may take to tell its protocol, which with TLS is the handshake, in
   * milliseconds. Default: 10,000.
   */
  readonly handshakeTimeoutMs?: number;
  /**
   * How often HTTP/2 peers are pinged, in milliseconds; two pings without an answer end a
   * connection. Default: 25,000.
   */
  readonly pingIntervalMs?: number;
  /** Told of each HTTP/2 connection that is cut because its peer answers no pings. */
  readonly onSilent?: () => void;
}

/** A Chatter that listens. */
export interface ChatterServer {
  /** Where, such as "http://127.0.0.1:8080", or "https://…" with TLS. */
  readonly url: string;
  /**
   * New connections get this certificate; those that are open are not touched. Throws a
   * TypeError if the server has no TLS, and what `node:tls` does for a pair that does not fit.
   */
  renewCertificate(certificate: Certificate): void;
  /** How many connections are open: all of them, and those of them that speak HTTP/2. */
  readonly connections: { readonly all: number; readonly http2: number };
  /**
   * Drains and closes: no new connections, GOAWAY, streams end as `Chatter.stop` says,
   * spread over at most half of `graceMs` when there are many; what is still open after
   * `graceMs` milliseconds is cut. Resolves when everything is closed, to the number of
   * connections that were cut.
   */
  close(graceMs: number): Promise<number>;
}

/** Serves HTTP/1.1 and HTTP/2, in the clear or over TLS, on one port. Rejects if it cannot listen. */
export async function listen(
  chatter: Chatter,
  options: ListenOptions = {},
): Promise<ChatterServer> {
  const { limits } = chatter;
  const http1 = createHttp1(http1Options(limits), chatter.requestListener);
  http1.on("upgrade", chatter.upgradeListener);
  const http2 = createHttp2({
    ...sessionOptions(limits),
    settings: {
      // Proxies multiplex: one connection may hold the subscriptions of thousands.
      maxConcurrentStreams: limits.maxConnectionStreams,
      maxHeaderListSize: limits.maxHeaderBytes,
      initialWindowSize: 256 * 1024,
    },
  });
  http2.on("session", (session) => session.setLocalWindowSize(sessionWindowBytes));
  http2.on("stream", withHeaderLimit(chatter.streamListener, limits));
  pingSessions(http2, options);
  endFloods(http2, limits);
  limitConnectionAge(http1, http2, limits);
  const { handshakeTimeoutMs = 10_000 } = options;
  const tls = options.tls && createTls(options.tls);
  const port = createOnePort({
    http1,
    http2,
    tls,
    connections: new AddressConnections(limits, chatter.isTrustedProxy),
    handshakeTimeoutMs,
  });
  const connections = trackConnections(port.server, http2);
  const { host = "127.0.0.1", port: number = 8080 } = options;
  await listenOn(port.server, { host, port: number });
  return {
    url: urlOf(tls ? "https" : "http", port.server),
    get connections() {
      return { all: connections.sockets.size, http2: connections.sessions.size };
    },
    renewCertificate(certificate) {
      if (!tls) {
        throw new TypeError("this server has no TLS, and needs no certificate");
      }
      renewCertificate(tls, certificate);
    },
    close: (graceMs) => close(chatter, port, http1, connections, graceMs),
  };
}

interface Connections {
  readonly sockets: ReadonlySet<Socket>;
  readonly sessions: ReadonlySet<ServerHttp2Session>;
}

function trackConnections(server: Server, http2: Http2Server): Connections {
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  // One listener for all of them: an idle connection is to hold little.
  function forgetSocket(this: Socket): void {
    sockets.delete(this);
  }
  function forgetSession(this: ServerHttp2Session): void {
    sessions.delete(this);
  }
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", forgetSocket);
  });
  http2.on("session", (session) => {
    sessions.add(session);
    session.on("close", forgetSession);
  });
  return { sockets, sessions };
}

async function close(
  chatter: Chatter,
  port: OnePort,
  http1: HttpServer,
  { sockets, sessions }: Connections,
  graceMs: number,
): Promise<number> {
  const closed = new Promise<void>((resolve) => {
    port.server.close(() => resolve());
  });
  let timer: NodeJS.Timeout | undefined;
  let cut = 0;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      cut = sockets.size;
      for (const socket of sockets) {
        socket.destroy();
      }
      resolve(closed); // A method that does not listen is not waited for.
    }, graceMs);
  });
  // An HTTP/1 connection becomes idle when its last answer is out.
  const sweep = setInterval(() => http1.closeIdleConnections(), 50);
  try {
    for (const session of sessions) {
      session.close(); // GOAWAY; the session ends with its last stream.
    }
    port.closeUndecided();
    http1.closeIdleConnections();
    await Promise.race([Promise.all([chatter.stop(graceMs / 2), closed]), late]);
  } finally {
    clearInterval(sweep);
    clearTimeout(timer);
    http1.close(); // Ends its own timer; it never listened.
  }
  return cut;
}
