import { Code, ConnectError } from "@connectrpc/connect";
import type { Auth } from "./auth.js";
import { createLoginQueue } from "./login-queue.js";
import { verifyPassword } from "./passwords.js";
import type { Tokens } from "./tokens.js";
import type { Users } from "./users.js";

export interface AuthOptions {
  /** Who can log in, and with which scopes. */
  readonly users: Users;
  /** What a login is answered with, and what calls are checked by. */
  readonly tokens: Tokens;
}

/** Logins by accounts with a password, calls by signed tokens. */
export function createAuth({ users, tokens }: AuthOptions): Auth {
  const queue = createLoginQueue();
  return {
    login: (name, password, signal) =>
      queue.run(async () => {
        const user = users.find(name);
        const matches = await verifyPassword(password, user?.passwordHash ?? users.decoy);
        if (user === undefined || !matches) {
          throw new ConnectError("invalid username and password combination", Code.Unauthenticated);
        }
        return tokens.issue({ subject: user.name, scopes: user.scopes });
      }, signal),

    verify: (token) => tokens.verify(token),
  };
}
