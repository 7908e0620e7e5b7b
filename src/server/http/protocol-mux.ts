import type { Server as HttpServer } from "node:http";
import type { Http2Server } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import type { TLSSocket, Server as TlsServer } from "node:tls";
import type { AddressConnections } from "../limits/address-connections.js";
import { unixPeer } from "../net/peer-address.js";
import {
  brokenPrefaceRefusal,
  cleartextRefusal,
  http1Refusal,
  http2Refusal,
} from "./refused-connection.js";
import { type Decide, endWith, sniffProtocol } from "./sniff.js";
import {
  certificateFault,
  type RefusedCertificate,
  rawAddressOf,
} from "./tls/client-certificate.js";

/** How every HTTP/2 connection begins (RFC 9113, 3.4). */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
/** How every TLS connection begins: the type of a handshake record (RFC 8446, 5.1). */
const handshakeRecord = 22;

/** The servers behind the port. None of them listens itself. */
export interface PortServers {
  readonly http1: HttpServer;
  readonly http2: Http2Server;
  /** If given, the port accepts only TLS. */
  readonly tls?: TlsServer | undefined;
  /** Called for each TLS connection that is refused because of the client's certificate. */
  readonly onRefusedCertificate: (refused: RefusedCertificate) => void;
  /** Counts the connections of each address. */
  readonly connections: AddressConnections;
  /** How long a connection may take to show its protocol, TLS and all, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** The port is a Unix socket. */
  readonly isUnix?: boolean;
}

/** One port for HTTP/1.1 and HTTP/2. */
export interface ProtocolMux {
  /** The server that listens. */
  readonly server: Server;
  /** The open connections. */
  readonly sockets: ReadonlySet<Socket>;
  /** Ends the connections that have not shown their protocol yet. */
  closeUndecided(): void;
}

/**
 * One port for HTTP/1.1 and HTTP/2. A connection is handed to one of the two servers: in cleartext
 * by its first bytes (HTTP/2 with prior knowledge), over TLS by ALPN. Node's
 * `http2.createSecureServer` could do the latter, but it has an HTTP/1.1 server of its own, and a
 * slower way to answer HTTP/2.
 */
export function createProtocolMux(servers: PortServers): ProtocolMux {
  const { http1, http2, tls, connections, handshakeTimeoutMs, isUnix = false } = servers;
  // Without a "listening" event, Node's HTTP/1 server would neither time out slow headers nor know
  // which connections are idle.
  http1.emit("listening");
  const keyOf = tls ? addressesOf : (socket: Socket) => socket;
  const undecided = new Map<unknown, { socket: Socket; timer: NodeJS.Timeout; settle(): void }>();

  function handOver(socket: Socket, to: HttpServer | Http2Server): void {
    undecided.get(keyOf(socket))?.settle();
    to.emit("connection", socket);
  }

  function refuseCertificate(socket: TLSSocket, reason: string): void {
    servers.onRefusedCertificate({ address: rawAddressOf(socket) ?? "", reason });
    socket.destroy();
  }

  tls?.on("secureConnection", (socket) => {
    const fault = certificateFault(socket);
    if (fault !== undefined) {
      refuseCertificate(socket, fault);
      return;
    }
    const isHttp2 = socket.alpnProtocol === "h2";
    handOver(socket, isHttp2 ? http2 : http1);
    if (!isHttp2) {
      feedByEvents(socket);
    }
  });
  tls?.on("tlsClientError", (error, socket) => {
    const fault = certificateFault(socket, error);
    if (fault === undefined) {
      socket.destroy();
    } else {
      refuseCertificate(socket, fault);
    }
  });
  const decide: Decide = tls
    ? decideTls((socket) => tls.emit("connection", socket))
    : decideHttp(
        (socket) => handOver(socket, http1),
        (socket) => handOver(socket, http2),
      );

  const sockets = new Set<Socket>();
  // One listener for all of them: an idle connection should need little memory.
  function onClose(this: Socket): void {
    sockets.delete(this);
    connections.leave(this);
  }

  const server = createServer((socket) => {
    if (isUnix) {
      Object.defineProperty(socket, "remoteAddress", { value: unixPeer });
    }
    sockets.add(socket);
    socket.on("close", onClose);
    const admitted = connections.enter(socket);
    // Over TLS, stating the reason would take a handshake.
    if (admitted === "close" || (admitted === "refuse" && tls)) {
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    const timer = setTimeout(() => socket.destroy(), handshakeTimeoutMs);
    const settle = () => {
      clearTimeout(timer);
      undecided.delete(key);
      socket.off("close", settle);
    };
    undecided.set(key, { socket, timer, settle });
    socket.on("close", settle);
    socket.setNoDelay(true);
    sniffProtocol(socket, admitted === "serve" ? decide : refuse);
  });
  return {
    server,
    sockets,
    closeUndecided() {
      for (const { socket } of undecided.values()) {
        socket.destroy();
      }
    },
  };
}

/**
 * Makes Node feed its HTTP/1 parser by the socket's events, which adding a listener does. Otherwise
 * Node bypasses them for decrypted data, and cuts the connection (in plain `node:https` too) when a
 * request's headers and body come in two records while it has stopped reading because an earlier
 * answer was large.
 */
function feedByEvents(socket: Socket): void {
  const nothing = () => {};
  socket.on("data", nothing).off("data", nothing);
}

/** The same for a TCP connection and for the TLS connection on top of it. */
function addressesOf({ localAddress, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${remoteAddress} ${remotePort}`;
}

type Take = (socket: Socket) => void;

function decideHttp(http1: Take, http2: Take): Decide {
  return (seen) => {
    const length = Math.min(seen.length, preface.length);
    if (preface.compare(seen, 0, length, 0, length) === 0) {
      return length === preface.length ? http2 : undefined;
    }
    // Node's HTTP/1 parser would wait for ever for what follows.
    return seen.toString("latin1", 0, 4) === "PRI " ? refuseBrokenPreface : http1;
  };
}

function decideTls(tls: Take): Decide {
  return ([first]) => (first === handshakeRecord ? tls : refuseCleartext);
}

/** Its address has reached the limit. */
const refuse = decideHttp(
  (socket) => endWith(socket, http1Refusal),
  (socket) => endWith(socket, http2Refusal),
);

function refuseBrokenPreface(socket: Socket): void {
  endWith(socket, brokenPrefaceRefusal);
}

function refuseCleartext(socket: Socket): void {
  endWith(socket, cleartextRefusal);
}
