import { hash } from "node:crypto";
import type { Identity } from "./auth.js";

/** Caches tokens whose signature and claims were valid. */
export interface VerifiedTokens {
  /** The claims of a token, unless it is unknown or has expired since. */
  get(token: string): Identity | undefined;
  add(token: string, identity: Identity): void;
}

const capacity = 1000;

/**
 * Caches the 1,000 most recently used tokens, each until it expires. Checking a signature goes
 * through libuv's threads, so it waits behind commits and passwords; a unary call would pay that
 * every time.
 */
export function createVerifiedTokens(): VerifiedTokens {
  // By the token's hash: so a heap dump shows no token, and the time that a look-up takes says
  // nothing about the cached tokens.
  const identities = new Map<string, Identity>();
  const digest = (token: string) => hash("sha256", token, "base64");

  return {
    get(token) {
      const key = digest(token);
      const identity = identities.get(key);
      if (identity === undefined) {
        return undefined;
      }
      // Removed and added again, it is the newest one in the map's order.
      identities.delete(key);
      if (identity.expiresAt <= Date.now()) {
        return undefined;
      }
      identities.set(key, identity);
      return identity;
    },

    add(token, identity) {
      identities.set(digest(token), identity);
      if (identities.size > capacity) {
        const [oldest] = identities.keys();
        identities.delete(oldest!);
      }
    },
  };
}
