import { randomUUID } from "node:crypto";
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { Identity, IssuedToken } from "./auth.js";
import { invalidToken, invalidTokenLifetime, loginWithoutSigningKey } from "./errors.js";
import type { PublicKey, SigningKey } from "./keys/signing-key.js";
import { type SigningKeys, signingKeyAt } from "./keys/signing-keys.js";
import { checkSubject } from "./names.js";
import { checkScopes } from "./scopes.js";
import { checkTokenForm } from "./token-form.js";
import { createVerifiedTokens } from "./verified-tokens.js";

export interface TokensOptions {
  /** One key, or the keys of a server, which may change. */
  readonly key: SigningKey | SigningKeys;
  /** The `iss` of every token. Default: "chatter". */
  readonly issuer?: string;
  /** The `aud` of every token. Default: "chatter". */
  readonly audience?: string;
  /** How long a token is accepted, 1 to 315,360,000 (ten years). Default: 3600. */
  readonly lifetimeSeconds?: number;
}

export interface NewToken {
  /** The account, 1 to 128 bytes of UTF-8, no control characters. */
  readonly subject: string;
  /** "stream:read", "stream:write"; an empty list allows nothing. */
  readonly scopes: readonly string[];
  /** Default: that of all tokens. */
  readonly lifetimeSeconds?: number;
  /**
   * Whether it is issued for the account's password, and depends on the account: the token then has
   * `"amr": ["pwd"]` (RFC 8176). Default: false.
   */
  readonly login?: boolean;
  /** The time of issue that it states, in milliseconds since 1970. Default: now. */
  readonly issuedAt?: number;
}

/** Makes tokens and checks them. */
export interface Tokens {
  /** Rejects with `invalid_argument` that names the invalid part. */
  issue(token: NewToken): Promise<IssuedToken>;
  /** Rejects with `unauthenticated` ("invalid token"), whatever is wrong with the token. */
  verify(token: string): Promise<Identity>;
  /** Whether the key with this identity, which signed the token, was removed. */
  isRevoked(identity: Identity): boolean;
  /** The keys with which others can check the tokens: all keys but secrets. */
  publicKeys(): readonly PublicKey[];
  /** Calls the listener when keys may have been removed. Returns a function that unsubscribes. */
  onChange?(listener: () => void): () => void;
}

const maxLifetimeSeconds = 10 * 365 * 24 * 3600;

// A token is valid from shortly before it was issued: another server's clock may be behind.
const clockSkewSeconds = 5;

/**
 * Tokens as signed JWTs with `iss`, `aud`, `sub`, `scopes` (a list), `jti`, `iat`, `nbf`
 * and `exp`, each of which must be there. Throws `invalid_argument` for a lifetime out of
 * range.
 *
 * @example
 * ```ts
 * const key = await parseSigningKey("a secret of at least 32 bytes...", "the key");
 * const tokens = createTokens({ key, lifetimeSeconds: 600 });
 * const { token, expiresAt } = await tokens.issue({ subject: "ann", scopes: ["stream:read"] });
 * console.log(new Date(expiresAt), (await tokens.verify(token)).scopes);
 * ```
 */
export function createTokens({
  key,
  issuer = "chatter",
  audience = "chatter",
  lifetimeSeconds: defaultLifetime = 3600,
}: TokensOptions): Tokens {
  checkLifetime(defaultLifetime);
  const keys: SigningKeys = "list" in key ? key : { list: [key] };
  const verified = createVerifiedTokens();

  async function check(token: string): Promise<Identity> {
    checkTokenForm(token);
    const { kid, alg } = decodeProtectedHeader(token);
    // Tokens from before keys had ids are tried with each key.
    const candidates = keys.list.filter(
      ({ id, algorithm }) => algorithm === alg && (kid === undefined || kid === id),
    );
    let failure: unknown = new Error("no key has the token's id and algorithm");
    for (const candidate of candidates) {
      try {
        return await checkBy(candidate, token);
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) {
          throw error;
        }
        failure = error;
      }
    }
    throw failure;
  }

  async function checkBy({ verify, algorithm, thumbprint }: SigningKey, token: string) {
    // Only the key's own algorithm: the sender of the token must not choose.
    const { payload } = await jwtVerify(token, verify, {
      algorithms: [algorithm],
      issuer,
      audience,
      requiredClaims: ["sub", "scopes", "jti", "iat", "nbf", "exp"],
    });
    return toIdentity(payload, thumbprint);
  }

  function isRevoked({ keyThumbprint }: Identity): boolean {
    return (
      keyThumbprint !== undefined &&
      !keys.list.some(({ thumbprint }) => thumbprint === keyThumbprint)
    );
  }

  return {
    async issue(token) {
      const { subject, scopes, lifetimeSeconds = defaultLifetime, login = false } = token;
      checkSubject(subject);
      checkScopes(scopes);
      checkLifetime(lifetimeSeconds);
      if (keys.list.length === 0) {
        throw loginWithoutSigningKey();
      }
      const now = Math.floor(Date.now() / 1000);
      const issuedAt = token.issuedAt === undefined ? now : Math.floor(token.issuedAt / 1000);
      const expires = issuedAt + lifetimeSeconds;
      const { algorithm, id, sign } = signingKeyAt(keys.list, Date.now());
      const signed = await new SignJWT({ scopes: [...scopes], ...(login ? { amr: ["pwd"] } : {}) })
        .setProtectedHeader({ alg: algorithm, typ: "JWT", kid: id })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(subject)
        .setJti(randomUUID())
        .setIssuedAt(issuedAt)
        .setNotBefore(now - clockSkewSeconds)
        .setExpirationTime(expires)
        .sign(sign);
      return { token: signed, expiresAt: expires * 1000 };
    },

    async verify(token) {
      const known = verified.get(token);
      if (known && !isRevoked(known)) {
        return known;
      }
      try {
        const identity = await check(token);
        verified.add(token, identity);
        return identity;
      } catch (cause) {
        throw invalidToken({ cause });
      }
    },

    isRevoked,

    publicKeys: () => keys.list.flatMap(({ publicKey }) => publicKey ?? []),

    onChange: keys.onChange?.bind(keys),
  };
}

function toIdentity(
  { sub, scopes, jti, iat, exp, amr }: JWTPayload,
  keyThumbprint: string,
): Identity {
  if (typeof sub !== "string" || typeof jti !== "string" || jti === "") {
    throw new Error('"sub" or "jti" is not a text');
  }
  checkSubject(sub);
  if (!Array.isArray(scopes) || !scopes.every((scope) => typeof scope === "string")) {
    throw new Error('"scopes" is not a list of texts');
  }
  // Frozen, because every call with this token gets the same object.
  return Object.freeze({
    subject: sub,
    scopes: Object.freeze(scopes),
    tokenId: jti,
    expiresAt: exp! * 1000,
    issuedAt: iat! * 1000,
    login: Array.isArray(amr) && amr.includes("pwd"),
    keyThumbprint,
  });
}

function checkLifetime(seconds: number): void {
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > maxLifetimeSeconds) {
    throw invalidTokenLifetime({ seconds, most: maxLifetimeSeconds });
  }
}
