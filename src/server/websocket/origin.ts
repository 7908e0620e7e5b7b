import type { IncomingMessage } from "node:http";
import { parseOrigins } from "../net/origins.js";

/**
 * Makes the check that stands before anything else on an upgrade: a browser says in
 * `Origin` whose page opens the socket, and sends the user's cookies with it, whoever
 * that is.
 *
 * Allowed are requests without an `Origin` (no browser), from the host that they are sent
 * to, and from one of `origins`, each as browsers write it: "https://app.example",
 * with the port if it is not the scheme's own. Throws a TypeError if one is something else.
 */
export function createOriginCheck(
  origins: readonly string[] = [],
): (request: IncomingMessage) => boolean {
  const allowed = parseOrigins(origins);
  return ({ headers: { origin, host } }) => {
    if (origin === undefined) {
      return true;
    }
    const url = URL.canParse(origin) ? new URL(origin) : undefined;
    // Browsers write it in one way only, and have no sockets for pages of other schemes.
    if (url === undefined || url.origin !== origin || !/^https?:$/.test(url.protocol)) {
      return false;
    }
    // The scheme is the page's: before a proxy that ends TLS ours need not be the same.
    return url.origin === originOf(`${url.protocol}//${host ?? ""}`) || allowed.has(url.origin);
  };
}

/** Of a URL that is nothing but an origin; the scheme's own port may stand there. */
function originOf(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.href === `${url?.origin}/` ? url?.origin : undefined;
}
