import type { PublicKey } from "./keys/signing-key.js";

/** What a token says about its bearer. */
export interface Identity {
  /** The account: the sender of what is posted with this token. */
  readonly subject: string;
  /** What the bearer may do: "stream:read", "stream:write". */
  readonly scopes: readonly string[];
  /** The token's `jti`. */
  readonly tokenId: string;
  /** When the token stops being accepted, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** When the token was issued, in milliseconds since 1970, if it says so. */
  readonly issuedAt?: number;
  /** Whether the token was given for the account's password. Default: false. */
  readonly login?: boolean;
  /** Which key the token was signed by. */
  readonly keyThumbprint?: string;
  /**
   * The name in the client's certificate; see `certificateNameOf`. The token does not say it: each
   * call has that of its connection. Default: there is no verified certificate.
   */
  readonly certificateName?: string;
}

/** A token for one account. */
export interface IssuedToken {
  readonly token: string;
  /** In milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Who may come in. Chatter takes any; `createAuth` makes the one with a users file. */
export interface Auth {
  /**
   * Exchanges a name and a password for a token.
   *
   * Rejects with `unauthenticated` ("invalid username and password combination") and with
   * `resource_exhausted` if too many passwords wait to be checked; with the signal's
   * reason if it is aborted while waiting.
   *
   * @param address of the client; for IPv6, its network of 64 bits. Empty: it is unknown
   */
  login(
    user: string,
    password: string,
    signal: AbortSignal,
    address?: string,
  ): Promise<IssuedToken>;

  /**
   * Checks a token. Rejects with `unauthenticated` ("invalid token"), or with `unavailable` if its
   * validity cannot be known now.
   */
  verify(token: string): Promise<Identity>;

  /**
   * Whether a token that `verify` accepted has been revoked since. Asked again for every call in
   * progress after each change that `onChange` reports. Default: tokens end when they expire.
   */
  isRevoked?(identity: Identity): boolean;

  /**
   * Calls the listener when tokens may have been revoked. Returns a function that unsubscribes.
   * Default: that never happens.
   */
  onChange?(listener: () => void): () => void;

  /**
   * The keys with which others can check tokens, published at /.well-known/jwks.json. Default:
   * nothing.
   */
  publicKeys?(): readonly PublicKey[];
}
