import type { Identity } from "../auth.js";

/** A token that is no longer accepted. */
export interface RevokedToken {
  /** Its `jti`. */
  readonly id: string;
  /** When it expires, in milliseconds since 1970; undefined if that is not known. */
  readonly expiresAt?: number;
}

/** An account whose older tokens are no longer accepted. */
export interface RevokedUser {
  /** The subject of the tokens. */
  readonly name: string;
  /** Tokens that were issued before this time, in milliseconds since 1970, whole seconds. */
  readonly before: number;
}

/** What is no longer accepted though it has not expired. */
export interface RevocationList {
  readonly tokens: readonly RevokedToken[];
  readonly users: readonly RevokedUser[];
}

/** Looks up revocations. */
export interface Revocations {
  /** Whether the token with these claims was revoked. */
  has(identity: Identity): boolean;
  /**
   * The time from which tokens of this subject are accepted, in milliseconds since 1970. Default:
   * 0.
   */
  acceptedFrom?(subject: string): number;
  /** Calls the listener when more may have been revoked. Returns a function that unsubscribes. */
  onChange?(listener: () => void): () => void;
}

/** Makes the revocations searchable. Of two with one name, the later one counts. */
export function createRevocations({ tokens, users }: RevocationList): Revocations {
  const ids = new Set(tokens.map(({ id }) => id));
  const times = new Map<string, number>();
  for (const { name, before } of users) {
    times.set(name, Math.max(before, times.get(name) ?? 0));
  }
  return {
    has({ tokenId, subject, issuedAt = 0 }) {
      const before = times.get(subject);
      return ids.has(tokenId) || (before !== undefined && issuedAt < before);
    },
    acceptedFrom: (subject) => times.get(subject) ?? 0,
  };
}
