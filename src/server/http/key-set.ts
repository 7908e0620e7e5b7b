import type { PublicKey } from "../auth/signing-key.js";
import { type PlainAnswer, plainAnswer } from "./plain-answer.js";

/** Where others find the keys to check tokens by, as OpenID Connect and others have it. */
export const keySetPath = "/.well-known/jwks.json";

/** A cache on the way has a new key before it signs, ten seconds after `chatter key rotate`. */
const maxAgeSeconds = 5;

/** The public keys as a JSON Web Key Set (RFC 7517). */
export function keySetAnswer(keys: readonly PublicKey[]): PlainAnswer {
  return plainAnswer(200, JSON.stringify({ keys }), {
    "content-type": "application/json",
    "cache-control": `public, max-age=${maxAgeSeconds}`,
  });
}
