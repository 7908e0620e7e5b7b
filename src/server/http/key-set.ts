import type { PublicKey } from "../auth/signing-key.js";
import { type PlainAnswer, plainAnswer } from "./plain-answer.js";

/** Where others find the keys to check tokens by, as OpenID Connect and others have it. */
export const keySetPath = "/.well-known/jwks.json";

/** Long enough to spare the server, short enough for a new key to be known soon. */
const maxAgeSeconds = 60;

/** The public keys as a JSON Web Key Set (RFC 7517). */
export function keySetAnswer(keys: readonly PublicKey[]): PlainAnswer {
  return plainAnswer(200, JSON.stringify({ keys }), {
    "content-type": "application/json",
    "cache-control": `public, max-age=${maxAgeSeconds}`,
  });
}
