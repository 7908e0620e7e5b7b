import { createServer as createHttp1, type Server as HttpServer } from "node:http";
import { createServer as createHttp2, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { unixUrlOf } from "../../protocol/unix-url.js";
import { AddressConnections } from "../limits/address-connections.js";
import { firstStreams, raiseStreams } from "../limits/connection-streams.js";
import type { Limits } from "../limits/limits.js";
import { createPeerAddress } from "../net/peer-address.js";
import { answerClientErrors } from "./client-errors.js";
import { limitConnectionAge } from "./connection-age.js";
import { noTlsToRenew, tlsOnSocket } from "./errors.js";
import { http2HeaderBounds, withHeaderLimit } from "./header-bytes.js";
import { endFloods, sessionOptions } from "./http2/flood-guard.js";
import { keepSessionsAlive } from "./http2/keepalive.js";
import { keepEndsOutside, retireSession } from "./http2/session-end.js";
import { observeStreams } from "./http2/session-streams.js";
import { listenOn, urlOf } from "./listen-on.js";
import { createProtocolMux, type ProtocolMux } from "./protocol-mux.js";
import type { Servable } from "./servable.js";
import type { Certificate } from "./tls/certificate.js";
import type { RefusedCertificate } from "./tls/client-certificate.js";
import { createTls, type TlsOptions } from "./tls/tls.js";
import { listenOnSocket } from "./unix-socket.js";

/**
 * How much one HTTP/2 connection may upload before it is read: over a long distance, 64 KiB is
 * slow.
 */
const sessionWindowBytes = 1024 * 1024;

/** How HTTP/1.1 is served: in milliseconds and bytes. */
export function http1Options({ maxHeaderBytes, requestTimeoutMs }: Limits) {
  return {
    /** A stream that uploads may last for days; its deadline and its token limit it. */
    requestTimeout: 0,
    /** Headers that are slower than this get 408. Without it, `requestTimeout` would apply. */
    headersTimeout: requestTimeoutMs,
    /** How often Node checks for such headers. */
    connectionsCheckingInterval: Math.min(requestTimeoutMs / 4, 15_000),
    keepAliveTimeout: 65_000,
    /** Larger headers get 431. Node refuses one of just this size, too. */
    maxHeaderSize: maxHeaderBytes + 1,
  };
}

export interface ListenOptions {
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /** 0 chooses a free port. Default: 8080. */
  readonly port?: number;
  /**
   * Whether other servers of this machine and user that have it set, too, may listen on the same
   * port: the kernel spreads connections over them. Needs Node.js 22.12 or newer. Default: false.
   */
  readonly reusePort?: boolean;
  /**
   * The absolute path of a Unix socket to listen on, instead of `host` and `port`; without `tls`.
   * The file that a dead server has left is replaced. Default: none.
   */
  readonly path?: string | undefined;
  /** Who may connect to `path`, as the bits of its file's mode. Default: 0o660. */
  readonly mode?: number;
  /**
   * If given, the port accepts only TLS, 1.2 or newer. With `clientCa`, clients may show a
   * certificate, which must be valid; see `certificateNameOf`. Default: none, the port speaks
   * cleartext.
   */
  readonly tls?: TlsOptions | undefined;
  /** Called for each connection that is refused because of the client's certificate. */
  readonly onRefusedCertificate?: (refused: RefusedCertificate) => void;
  /**
   * How long a connection may take to show its protocol, which with TLS is the handshake, in
   * milliseconds. Default: 10,000.
   */
  readonly handshakeTimeoutMs?: number;
  /**
   * How often HTTP/2 peers are pinged, in milliseconds; two pings without an answer end a
   * connection. Default: 25,000.
   */
  readonly pingIntervalMs?: number;
  /** Called for each HTTP/2 connection that is cut because its peer does not answer pings. */
  readonly onSilent?: () => void;
}

/** A Chatter that listens. */
export interface ChatterServer {
  /** Where, such as "http://127.0.0.1:8080", "https://…" with TLS, or "unix:/run/chatter.sock". */
  readonly url: string;
  /**
   * New connections get this certificate, and are checked by its `clientCa`; open connections keep
   * theirs. Without `clientCa`, the previous authorities stay. Throws a TypeError if the server has
   * no TLS, or if it has a `clientCa` and the first certificate had none, and the error of
   * `node:tls` for a pair that does not match.
   */
  renewCertificate(certificate: Certificate): void;
  /** How many connections are open: in total, and those that speak HTTP/2. */
  readonly connections: { readonly all: number; readonly http2: number };
  /**
   * Drains and closes: no new connections, GOAWAY, streams end as `Chatter.stop` says,
   * spread over at most half of `graceMs` when there are many; what is still open after
   * `graceMs` milliseconds is cut. Resolves when everything is closed, to the number of
   * connections that were cut.
   */
  close(graceMs: number): Promise<number>;
}

/**
 * Serves HTTP/1.1 and HTTP/2, in cleartext or over TLS, and WebSockets, on one port.
 *
 * Rejects with `failed_precondition` if it cannot listen; the text says why. Rejects with a
 * TypeError for `tls` on a Unix socket, and for a `path` that is not one.
 *
 * @example
 * ```ts
 * const log = createMemoryLog();
 * const server = await listen(createChatter({ log, auth }), { port: 8080 });
 * console.log(server.url);
 *
 * await server.close(10_000);
 * await log.close();
 * ```
 */
export async function listen(
  served: Servable,
  options: ListenOptions = {},
): Promise<ChatterServer> {
  const { limits } = served;
  if (options.path !== undefined && options.tls !== undefined) {
    throw tlsOnSocket();
  }
  const http1 = createHttp1(http1Options(limits), served.requestListener);
  http1.maxHeadersCount = 0; // Their bytes are limited: Node would drop some silently.
  http1.on("upgrade", served.upgradeListener);
  answerClientErrors(http1, limits);
  const { maxHeaderListSize, maxHeaderListPairs } = http2HeaderBounds(limits);
  const http2 = createHttp2({
    ...sessionOptions(limits),
    maxHeaderListPairs,
    settings: {
      maxConcurrentStreams: firstStreams(limits),
      maxHeaderListSize,
      initialWindowSize: 256 * 1024,
      enableConnectProtocol: true,
    },
  });
  observeStreams(http2, [keepEndsOutside(http2), endFloods(http2, limits)]);
  http2.on("session", (session) => {
    session.setLocalWindowSize(sessionWindowBytes);
  });
  http2.on("stream", withHeaderLimit(served.streamListener, limits));
  keepSessionsAlive(http2, options);
  raiseStreams(http2, limits, served.isTrustedProxy);
  limitConnectionAge(http1, http2, limits);
  const { handshakeTimeoutMs = 10_000 } = options;
  const tls = options.tls && createTls(options.tls);
  const addressOf = createPeerAddress(served.isTrustedProxy);
  const port = createProtocolMux({
    http1,
    http2,
    tls: tls?.server,
    onRefusedCertificate({ address, reason }) {
      limits.onRefused("client_certificate");
      options.onRefusedCertificate?.({ address: addressOf(address, undefined), reason });
    },
    connections: new AddressConnections(limits, served.isTrustedProxy),
    handshakeTimeoutMs,
    isUnix: options.path !== undefined,
  });
  const connections = { sockets: port.sockets, sessions: trackSessions(http2) };
  const { host = "127.0.0.1", port: number = 8080, reusePort = false } = options;
  const { path, mode = 0o660 } = options;
  const socket = path === undefined ? undefined : await listenOnSocket(port.server, { path, mode });
  if (path === undefined) {
    await listenOn(port.server, { host, port: number, reusePort });
  }
  return {
    url: path === undefined ? urlOf(tls ? "https" : "http", port.server) : unixUrlOf(path),
    get connections() {
      return { all: connections.sockets.size, http2: connections.sessions.size };
    },
    renewCertificate(certificate) {
      if (!tls) {
        throw noTlsToRenew();
      }
      tls.renew(certificate);
    },
    close(graceMs) {
      const closed = close(served, port, http1, connections, graceMs);
      socket?.remove();
      return closed;
    },
  };
}

interface Connections {
  readonly sockets: ReadonlySet<Socket>;
  readonly sessions: ReadonlySet<ServerHttp2Session>;
}

function trackSessions(http2: Http2Server): ReadonlySet<ServerHttp2Session> {
  const sessions = new Set<ServerHttp2Session>();
  // One listener for all of them: an idle connection should need little memory.
  function forget(this: ServerHttp2Session): void {
    sessions.delete(this);
  }
  http2.on("session", (session) => {
    sessions.add(session);
    session.on("close", forget);
  });
  return sessions;
}

async function close(
  served: Servable,
  port: ProtocolMux,
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
      resolve(closed); // A method that ignores its signal is not waited for.
    }, graceMs);
  });
  // An HTTP/1 connection becomes idle when its last answer is sent.
  const sweep = setInterval(() => http1.closeIdleConnections(), 50);
  try {
    for (const session of sessions) {
      retireSession(session);
    }
    port.closeUndecided();
    http1.closeIdleConnections();
    await Promise.race([Promise.all([served.stop(graceMs / 2), closed]), late]);
  } finally {
    clearInterval(sweep);
    clearTimeout(timer);
    http1.close(); // Ends its own timer; it never listened.
  }
  return cut;
}
