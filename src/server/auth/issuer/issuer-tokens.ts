import { Code, ConnectError } from "@connectrpc/connect";
import { type JWTPayload, jwtVerify } from "jose";
import type { Identity } from "../auth.js";
import { invalidToken } from "../errors.js";
import { checkSubject } from "../names.js";
import { isScope, type Scope } from "../scopes.js";
import { checkTokenForm } from "../token-form.js";
import { tokenIdOf } from "../token-id.js";
import { createVerifiedTokens } from "../verified-tokens.js";
import { claimWords } from "./claim-words.js";
import type { IssuerKeys } from "./issuer-keys.js";

export interface IssuerTokensOptions {
  /** The `iss` of the tokens, exactly. */
  readonly issuer: string;
  /** The value that `aud` must have, or contain. */
  readonly audience: string;
  readonly keys: IssuerKeys;
  /**
   * The claim that says what the bearer may do, or a path to it: see `claimWords`. Default:
   * "scope".
   */
  readonly scopeClaim?: string;
  /**
   * The scopes that a word of that claim grants; other words grant nothing. Default: each scope
   * grants itself.
   */
  readonly scopeMap?: ReadonlyMap<string, Scope>;
}

/** Checks the tokens of an outside issuer. */
export interface IssuerTokens {
  readonly issuer: string;
  /**
   * Rejects with `unauthenticated` ("invalid token"), whatever is wrong with the token, and
   * with `unavailable` if that cannot be known now.
   */
  verify(token: string): Promise<Identity>;
}

/** Only signatures that the server itself cannot make: a secret would have to be shared. */
const algorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

/** How far the issuer's clock may be ahead. */
const clockSkewSeconds = 5;

/**
 * Tokens that another issuer signs, by its public keys. `iss`, `aud`, `sub` and `exp` must be
 * there. The subject is the issuer's name and `sub` (see {@link subjectOf}).
 */
export function createIssuerTokens({
  issuer,
  audience,
  keys,
  scopeClaim = "scope",
  scopeMap,
}: IssuerTokensOptions): IssuerTokens {
  // Replaced, not cleared: a token that is being checked with the old keys is forgotten with them.
  let verified = createVerifiedTokens();
  keys.onChange(() => {
    verified = createVerifiedTokens();
  });

  async function check(token: string): Promise<Identity> {
    checkTokenForm(token);
    const { payload } = await jwtVerify(token, keys.find, {
      algorithms,
      issuer,
      audience,
      requiredClaims: ["sub", "exp"],
      clockTolerance: clockSkewSeconds,
    });
    return toIdentity(token, payload);
  }

  function toIdentity(token: string, payload: JWTPayload): Identity {
    const { sub, jti, iat, exp } = payload;
    if (typeof sub !== "string" || sub === "") {
      throw new Error('"sub" is not a text');
    }
    const subject = subjectOf(issuer, sub);
    checkSubject(subject);
    const expiresAt = exp! * 1000;
    if (expiresAt <= Date.now()) {
      throw new Error("the token has expired"); // The tolerance does not apply here.
    }
    return Object.freeze({
      subject,
      scopes: Object.freeze(scopesOf(payload)),
      tokenId: tokenIdOf(token, jti),
      expiresAt,
      issuedAt: iat === undefined ? undefined : iat * 1000,
    });
  }

  function scopesOf(payload: JWTPayload): Scope[] {
    const words = claimWords(payload, scopeClaim);
    const found = scopeMap ? words.map((word) => scopeMap.get(word)) : words;
    return [...new Set(found.filter(isScope))].sort();
  }

  return {
    issuer,

    async verify(token) {
      keys.freshen();
      const remembered = verified;
      const known = remembered.get(token);
      if (known) {
        return known;
      }
      try {
        const identity = await check(token);
        remembered.add(token, identity);
        return identity;
      } catch (cause) {
        if (cause instanceof ConnectError && cause.code === Code.Unavailable) {
          throw cause;
        }
        throw invalidToken({ cause });
      }
    },
  };
}

/**
 * The subject of a token of an issuer: "login.example.com:8f14e45f". No account of Chatter's own
 * has a colon in its name, so no outsider can be mistaken for one.
 */
export function subjectOf(issuer: string, sub: string): string {
  const name = issuer.replace(/^https?:\/\//, "");
  let end = name.length;
  while (name[end - 1] === "/") {
    end--;
  }
  return `${name.slice(0, end)}:${sub}`;
}
