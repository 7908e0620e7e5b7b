import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { type DetailedPeerCertificate, type PeerCertificate, TLSSocket } from "node:tls";
import type { ContextValues } from "@connectrpc/connect";
import { certificateNameKey } from "../../service/call/context.js";

/** A TLS connection of `listen` that was refused because of the client's certificate. */
export interface RefusedCertificate {
  /** Where it came from. */
  readonly address: string;
  /** What is wrong, as OpenSSL calls it: "CERT_HAS_EXPIRED". "NO_CERTIFICATE" if there is none. */
  readonly reason: string;
}

/**
 * Why a client is refused because of its certificate, when the handshake has ended or failed.
 * Undefined: it is not refused, or for another reason.
 *
 * @param error what the handshake failed with, if it did
 */
export function certificateFault(
  socket: TLSSocket,
  error?: NodeJS.ErrnoException,
): string | undefined {
  if (error?.code === "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE") {
    return "NO_CERTIFICATE";
  }
  // Without a certificate there is an error, too; where none is required it means nothing.
  const isRefused = error !== undefined || isGiven(socket.getPeerCertificate());
  return isRefused
    ? ((socket.authorizationError as unknown as string | null) ?? undefined)
    : undefined;
}

/** Where the TCP connection of a TLS connection comes from, also after it has closed. */
export function rawAddressOf(socket: TLSSocket): string | undefined {
  return (socket as TLSSocket & { _parent?: Socket })._parent?.remoteAddress;
}

/** By connection: it is read once. */
const names = new WeakMap<object, string | undefined>();

/** Tells a call the verified name of its client's certificate, if there is one. */
export function setCertificateName<Values extends ContextValues>(
  values: Values,
  connection: object | undefined,
): Values {
  const name = isEncrypted(connection) ? nameOf(connection) : undefined;
  if (name !== undefined) {
    values.set(certificateNameKey, name);
  }
  return values;
}

type Encrypted = TLSSocket | ServerHttp2Session;

function isEncrypted(connection: object | undefined): connection is Encrypted {
  return (connection as Partial<Encrypted> | undefined)?.encrypted === true;
}

function nameOf(connection: Encrypted): string | undefined {
  if (!names.has(connection)) {
    const socket = connection instanceof TLSSocket ? connection : socketOf(connection);
    // A resumed session without a certificate counts as authorized; then there is no name.
    const certificate = socket?.authorized ? socket.getPeerCertificate() : undefined;
    names.set(connection, isGiven(certificate) ? nameIn(certificate) : undefined);
  }
  return names.get(connection);
}

/** A session that is closing has lost its socket, and throws when it is asked for it. */
function socketOf(session: ServerHttp2Session): TLSSocket | undefined {
  return session.destroyed ? undefined : (session.socket as TLSSocket);
}

function isGiven(certificate: PeerCertificate | undefined): certificate is DetailedPeerCertificate {
  return certificate !== undefined && certificate !== null && "fingerprint256" in certificate;
}

/**
 * The common name of the subject, of several the last, which is the most specific one. Without one,
 * the first URI, DNS name or email address of the subject's alternative names.
 */
function nameIn({ subject, subjectaltname = "" }: PeerCertificate): string | undefined {
  const commonName = [subject?.CN ?? []].flat().at(-1);
  if (commonName) {
    return commonName;
  }
  // Node quotes names that could look like several, which nobody has who means well.
  const entries = subjectaltname.includes('"') ? [] : subjectaltname.split(", ");
  for (const type of ["URI:", "DNS:", "email:"]) {
    const entry = entries.find((entry) => entry.startsWith(type) && entry.length > type.length);
    if (entry !== undefined) {
      return entry.slice(type.length);
    }
  }
  return undefined;
}
