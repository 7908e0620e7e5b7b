import { invalidOrigin } from "./errors.js";

/**
 * Origins as browsers write them: "https://app.example", with the port if it is not the
 * scheme's own. Throws a TypeError if one is something else.
 */
export function parseOrigins(origins: readonly string[] = []): ReadonlySet<string> {
  return new Set(origins.map(normalize));
}

function normalize(origin: string): string {
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  if (url === undefined || url.origin === "null" || url.origin !== origin.toLowerCase()) {
    throw invalidOrigin({ origin });
  }
  return url.origin;
}

/** Maximum number of origins that are remembered: a client can send any number of them. */
const maxOrigins = 100;

/** Passes each origin whose pages were refused on once, and at most 100 of them. */
export function createRefusedOrigins(onFirst: (origin: string) => void): (origin: string) => void {
  const known = new Set<string>();
  return (origin) => {
    if (known.size < maxOrigins && !known.has(origin)) {
      known.add(origin);
      onFirst(origin.slice(0, 256));
    }
  };
}
