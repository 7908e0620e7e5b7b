import { createSecureContext, type SecureContext } from "node:tls";
import { invalidClientTls, tlsWithoutHttps } from "../errors.js";

/** What a client has of its own for TLS, all in PEM. */
export interface ClientTls {
  /** The client's certificate, followed by those that lead to an authority the server accepts. */
  readonly cert?: string | Buffer;
  /** The key of `cert`, without a passphrase. */
  readonly key?: string | Buffer;
  /** The authorities that certify servers. Default: those of Node, and of NODE_EXTRA_CA_CERTS. */
  readonly ca?: string | Buffer;
}

/** Throws a TypeError if it cannot be used, or not with this URL. */
export function secureContextOf(tls: ClientTls, url: string): SecureContext {
  if (!url.startsWith("https:")) {
    throw tlsWithoutHttps();
  }
  const { cert, key, ca } = tls;
  if ((cert === undefined) !== (key === undefined)) {
    throw invalidClientTls({ reason: "cert and key belong together" });
  }
  try {
    return createSecureContext({ cert, key, ca });
  } catch (cause) {
    throw invalidClientTls({ reason: (cause as Error).message, cause });
  }
}
