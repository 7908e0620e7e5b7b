import type { PublicKey } from "../auth/keys/signing-key.js";
import { notReady } from "./errors.js";
import { type PlainResponse, plainResponse } from "./plain-response.js";

/** Where others find the keys to check tokens with, as in OpenID Connect. */
export const keySetPath = "/.well-known/jwks.json";

/** A cache in between has a new key before it signs, ten seconds after `chatter key rotate`. */
const maxAgeSeconds = 5;

/** The public keys as a JSON Web Key Set (RFC 7517). */
export function keySetAnswer(keys: readonly PublicKey[]): PlainResponse {
  return plainResponse(200, JSON.stringify({ keys }), {
    "content-type": "application/json",
    "cache-control": `public, max-age=${maxAgeSeconds}`,
  });
}

/**
 * The answer to /livez (the process is alive) and /readyz (it accepts calls); undefined for every
 * other path.
 */
export function probeAnswer(path: string, isReady: () => boolean): PlainResponse | undefined {
  switch (path) {
    case "/livez":
      return plainResponse(200, "ok");
    case "/readyz":
      return isReady() ? plainResponse(200, "ok") : notReady();
    default:
      return undefined;
  }
}
