import { loginExpired } from "../../errors.js";
import { keep, kept } from "../kept.js";
import { Rights } from "./rights.js";

/** Exchanges a name and a password for a token. */
export type LogIn = (
  account: { readonly user: string; readonly password: string },
  options: { readonly signal: AbortSignal },
) => Promise<{ readonly token: string }>;

interface KeptLogin {
  readonly user: string;
  readonly token: string;
}

const name = "login";

/**
 * The login of this tab, for as long as the tab lives: its token is kept in the tab's own storage.
 * The password, which renews tokens, is only in memory: after a reload, the login ends with its
 * token.
 */
export class Login {
  readonly user: string;
  readonly #password: string | undefined;
  /** The token of an earlier page in this tab; it is used once. */
  #kept: string | undefined;
  #rights = new Rights([]);

  private constructor(user: string, password: string | undefined, token: string | undefined) {
    this.user = user;
    this.#password = password;
    this.#kept = token;
  }

  static with({ user, password }: { readonly user: string; readonly password: string }): Login {
    return new Login(user, password, undefined);
  }

  /** The login that an earlier page in this tab has stored. */
  static kept(): Login | undefined {
    const { user, token } = kept<KeptLogin>(name) ?? {};
    return user && token ? new Login(user, undefined, token) : undefined;
  }

  /** The rights of the token; none before there is one. */
  get rights(): Rights {
    return this.#rights;
  }

  /** The token to call with. Each call gives another one; the first may give the stored one. */
  async token(logIn: LogIn, signal: AbortSignal): Promise<string> {
    const token = this.#kept ?? (await this.#newToken(logIn, signal));
    this.#kept = undefined;
    this.#rights = Rights.of(token);
    keep<KeptLogin>(name, { user: this.user, token });
    return token;
  }

  /** Removes the login from the tab. */
  forget(): void {
    keep(name, undefined);
  }

  async #newToken(logIn: LogIn, signal: AbortSignal): Promise<string> {
    if (this.#password === undefined) {
      throw loginExpired();
    }
    return (await logIn({ user: this.user, password: this.#password }, { signal })).token;
  }
}
