import type { IncomingMessage } from "node:http";

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
  const allowed = new Set(origins.map(normalize));
  return ({ headers }) => {
    if (headers.origin === undefined) {
      return true;
    }
    const origin = URL.canParse(headers.origin) ? new URL(headers.origin) : undefined;
    if (origin === undefined) {
      return false;
    }
    // The scheme is left out: before a proxy that ends TLS the host alone is comparable.
    return origin.host === headers.host?.toLowerCase() || allowed.has(origin.origin);
  };
}

function normalize(origin: string): string {
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  if (url === undefined || url.origin === "null" || url.origin !== origin.toLowerCase()) {
    throw new TypeError(`"${origin}" is no origin: write it as in "https://app.example:8443"`);
  }
  return url.origin;
}
