import { createServer, type Server } from "node:tls";
import type { Certificate } from "./certificate.js";

/** TLS 1.2 and 1.3 for HTTP/2 and HTTP/1.1. The server does not listen itself. */
export function createTls(certificate: Certificate): Server {
  return createServer({
    ...contextOf(certificate),
    ALPNProtocols: ["h2", "http/1.1"],
  });
}

/** New connections get this certificate; open connections keep theirs. */
export function renewCertificate(tls: Server, certificate: Certificate): void {
  tls.setSecureContext(contextOf(certificate));
}

function contextOf({ cert, key }: Certificate) {
  return { cert, key, minVersion: "TLSv1.2" } as const;
}
