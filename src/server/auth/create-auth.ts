import type { Auth, Identity } from "./auth.js";
import { invalidCredentials, invalidToken } from "./errors.js";
import type { IssuerTokens } from "./issuer/issuer-tokens.js";
import { createLoginQueue } from "./login-queue.js";
import { verifyPassword } from "./passwords.js";
import type { Revocations } from "./revocations/revocations.js";
import { claimedIssuer } from "./token-form.js";
import type { Tokens } from "./tokens.js";
import type { Users } from "./users/users.js";

export interface AuthOptions {
  /** Who can log in, and with which scopes. */
  readonly users: Users;
  /** Makes the tokens that logins return, and checks those of calls. */
  readonly tokens: Tokens;
  /** Checks the tokens of an outside issuer. Default: only `tokens` are accepted. */
  readonly issuer?: IssuerTokens;
  /** Default: no token is revoked before it expires. */
  readonly revocations?: Revocations;
}

/**
 * How far the clocks of those who change accounts may be ahead of the server's, in milliseconds.
 */
const clockSkewMs = 60_000;

/**
 * Accounts with a password log in, and signed tokens are checked on calls. A token that was issued
 * for a password is accepted while its account exists.
 *
 * Its `login` rejects with `unauthenticated` for a wrong name or password, and with
 * `resource_exhausted` if too many logins wait; `verify` with `unauthenticated` for an invalid
 * token.
 *
 * @example
 * ```ts
 * const user = await newUser({ name: "ann", password: "secret", scopes: ["stream:read"] });
 * const key = await parseSigningKey("a secret of at least 32 bytes...", "the key");
 * const auth = createAuth({ users: createUsers([user]), tokens: createTokens({ key }) });
 * const issued = await auth.login("ann", "secret", AbortSignal.timeout(5_000), "192.0.2.1");
 * console.log((await auth.verify(issued.token)).subject);
 * ```
 */
export function createAuth({ users, tokens, issuer, revocations }: AuthOptions): Auth {
  const queue = createLoginQueue();
  const sources = [users, tokens, revocations];

  function isRevoked(identity: Identity): boolean {
    return (
      (revocations?.has(identity) ?? false) ||
      tokens.isRevoked(identity) ||
      (identity.login === true && !hasAccount(identity, users))
    );
  }

  /**
   * Now, or when tokens of the user are accepted again, if that is soon: they were revoked in this
   * second, or by somebody whose clock is ahead.
   */
  function issueTime(subject: string): number {
    const now = Date.now();
    const from = revocations?.acceptedFrom?.(subject) ?? 0;
    return from > now && from - now <= clockSkewMs ? from : now;
  }

  return {
    login: (name, password, signal, address) =>
      queue.run(
        async () => {
          const user = users.find(name);
          const matches = await verifyPassword(password, user?.passwordHash ?? users.dummyHash);
          if (user === undefined || !matches) {
            throw invalidCredentials();
          }
          const { name: subject, scopes } = user;
          return tokens.issue({ subject, scopes, login: true, issuedAt: issueTime(subject) });
        },
        signal,
        address,
      ),

    async verify(token) {
      const isOutside = issuer !== undefined && claimedIssuer(token) === issuer.issuer;
      const identity = await (isOutside ? issuer : tokens).verify(token);
      if (isRevoked(identity)) {
        const cause = new Error("the token was revoked, or its account removed");
        throw invalidToken({ cause });
      }
      return identity;
    },

    isRevoked,

    publicKeys: () => tokens.publicKeys(),

    onChange(listener) {
      const leave = sources.map((source) => source?.onChange?.(listener));
      return () => {
        for (const each of leave) {
          each?.();
        }
      };
    },
  };
}

/**
 * Whether the token's account exists, and is not another one of the same name that was created
 * later.
 */
function hasAccount({ subject, issuedAt = 0 }: Identity, users: Users): boolean {
  const user = users.find(subject);
  return (
    user !== undefined &&
    // If the account was created in the future, the time proves nothing.
    (user.createdAt <= issuedAt + clockSkewMs || user.createdAt > Date.now() + clockSkewMs)
  );
}
