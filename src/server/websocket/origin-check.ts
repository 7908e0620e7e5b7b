import type { IncomingMessage } from "node:http";
import { parseOrigins } from "../net/origins.js";

/**
 * Makes the first check of an upgrade: a browser says in `Origin` which page opens the socket, and
 * sends the user's cookies with it, whosever page that is.
 *
 * Requests are allowed without an `Origin` (no browser), from the host that they are sent to, and
 * from one of `origins`, each as browsers write it: "https://app.example", with the port if it is
 * not the scheme's own. Throws a TypeError if one is something else.
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
    // Browsers write it in one form only, and open no sockets for pages of other schemes.
    if (url === undefined || url.origin !== origin || !/^https?:$/.test(url.protocol)) {
      return false;
    }
    // The scheme is the page's: behind a proxy that ends TLS, ours may differ.
    return url.origin === originOf(`${url.protocol}//${host ?? ""}`) || allowed.has(url.origin);
  };
}

/** The origin of a URL that is nothing but an origin; the scheme's default port is allowed. */
function originOf(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.href === `${url?.origin}/` ? url?.origin : undefined;
}
