import { constants } from "node:crypto";
import { createServer, type SecureContextOptions, type Server } from "node:tls";
import { clientCaMissing } from "../errors.js";
import type { Certificate } from "./certificate.js";

/** What a TLS server shows, and what it asks of its clients. */
export interface TlsOptions extends Certificate {
  /** Whether clients must have a certificate that `clientCa` certifies. Default: false. */
  readonly clientRequired?: boolean;
}

/** TLS 1.2 and 1.3 for HTTP/2 and HTTP/1.1. */
export interface Tls {
  /** It does not listen itself. */
  readonly server: Server;
  /**
   * New connections get this certificate; open connections keep theirs. Without `clientCa`, the
   * authorities of client certificates stay. A server without any cannot get them later.
   */
  renew(certificate: Certificate): void;
}

/** Throws a TypeError for `clientRequired` without `clientCa`. */
export function createTls({ clientRequired = false, ...first }: TlsOptions): Tls {
  let { clientCa } = first;
  const asksClients = clientCa !== undefined;
  if (clientRequired && !asksClients) {
    throw clientCaMissing();
  }
  const server = createServer({
    ...contextOf(first),
    ALPNProtocols: ["h2", "http/1.1"],
    // A client without a certificate then gets an alert that says so.
    ...(asksClients && { requestCert: true, rejectUnauthorized: clientRequired }),
  });
  return {
    server,
    renew(certificate) {
      if (certificate.clientCa !== undefined && !asksClients) {
        throw clientCaMissing();
      }
      const next = { ...certificate, clientCa: certificate.clientCa ?? clientCa };
      server.setSecureContext(contextOf(next));
      clientCa = next.clientCa;
    },
  };
}

function contextOf({ cert, key, clientCa }: Certificate): SecureContextOptions {
  const context = { cert, key, minVersion: "TLSv1.2" } as const;
  if (clientCa === undefined) {
    return context;
  }
  // No session is resumed: it would keep what was found of its certificate at the first handshake,
  // and one without a certificate would count as verified.
  return { ...context, ca: clientCa, secureOptions: constants.SSL_OP_NO_TICKET };
}
