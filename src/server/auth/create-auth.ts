import { Code, ConnectError } from "@connectrpc/connect";
import type { Auth, Identity } from "./auth.js";
import type { IssuerTokens } from "./issuer-tokens.js";
import { createLoginQueue } from "./login-queue.js";
import { verifyPassword } from "./passwords.js";
import type { Revocations } from "./revocations.js";
import { claimedIssuer } from "./token-form.js";
import type { Tokens } from "./tokens.js";
import type { Users } from "./users.js";

export interface AuthOptions {
  /** Who can log in, and with which scopes. */
  readonly users: Users;
  /** What a login is answered with, and what calls are checked by. */
  readonly tokens: Tokens;
  /** Checks the tokens of an outside issuer. Default: only `tokens` are accepted. */
  readonly issuer?: IssuerTokens;
  /** Default: no token is revoked before it expires. */
  readonly revocations?: Revocations;
}

/** How far clocks of those who change accounts may be ahead of the server's, in milliseconds. */
const clockSkewMs = 60_000;

/**
 * Logins by accounts with a password, calls by signed tokens. A token that was given for a
 * password is accepted as long as its account is there.
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
   * Now, or when tokens of the user are accepted again, if that is in a moment: they were
   * revoked in this second, or by somebody whose clock is ahead.
   */
  function issueTime(subject: string): number {
    const now = Date.now();
    const from = revocations?.acceptedFrom?.(subject) ?? 0;
    return from > now && from - now <= clockSkewMs ? from : now;
  }

  return {
    login: (name, password, signal) =>
      queue.run(async () => {
        const user = users.find(name);
        const matches = await verifyPassword(password, user?.passwordHash ?? users.decoy);
        if (user === undefined || !matches) {
          throw new ConnectError("invalid username and password combination", Code.Unauthenticated);
        }
        const { name: subject, scopes } = user;
        return tokens.issue({ subject, scopes, login: true, issuedAt: issueTime(subject) });
      }, signal),

    async verify(token) {
      const isOutside = issuer !== undefined && claimedIssuer(token) === issuer.issuer;
      const identity = await (isOutside ? issuer : tokens).verify(token);
      if (isRevoked(identity)) {
        const cause = new Error("the token was revoked, or its account removed");
        throw new ConnectError("invalid token", Code.Unauthenticated, undefined, undefined, cause);
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

/** Whether the token's account is there, and not another one of the same name, made later. */
function hasAccount({ subject, issuedAt = 0 }: Identity, users: Users): boolean {
  const user = users.find(subject);
  return (
    user !== undefined &&
    // Of an account that was made in the future the time says nothing.
    (user.createdAt <= issuedAt + clockSkewMs || user.createdAt > Date.now() + clockSkewMs)
  );
}
