import { Code, ConnectError } from "@connectrpc/connect";
import { orAborted } from "../../async/abort.js";
import { expiryOf } from "../token-source.js";
import { noToken, ownTokenExpired, tokenExpiredAt } from "./errors.js";
import { readSavedToken } from "./saved-tokens.js";

/** An account, as the Login method expects it. */
export interface Account {
  readonly user: string;
  readonly password: string;
}

/** Prompts for an account; the fault says why the last answer was refused. */
export type AskAccount = (fault?: string) => Promise<Account>;

/** The sources of a command's tokens. */
export interface TokenOptions {
  readonly url: string;
  /** The one of --token or CHATTER_TOKEN. */
  readonly token?: string | undefined;
  /** Undefined: there is no terminal for a prompt. */
  readonly ask?: AskAccount | undefined;
  /** Exchanges an account for a token. */
  readonly login: (account: Account, signal: AbortSignal) => Promise<string>;
}

/** Maximum number of prompts after a wrong password. */
const maxAttempts = 3;

/**
 * The tokens of a command, which may run for longer than a token is valid. The first of these is
 * used: the given token, until it expires; a login with CHATTER_USER and CHATTER_PASSWORD; the
 * token that `chatter login --save` stored; a login with an account that the user is asked for.
 */
export class CommandTokens {
  readonly #options: TokenOptions;
  readonly #account: Account | undefined;
  #isGivenUsed = false;
  #last: string | undefined;
  #question: Promise<Account> | undefined;

  constructor(options: TokenOptions) {
    const { CHATTER_USER: user, CHATTER_PASSWORD: password } = process.env;
    this.#options = options;
    this.#account = user && password ? { user, password } : undefined;
    this.#last = options.token || undefined;
  }

  /** Whether there can be another token after one that has expired. */
  get canLogIn(): boolean {
    return this.#account !== undefined || this.#options.ask !== undefined;
  }

  /** Whether a prompt for an account is open. */
  get isAsking(): boolean {
    return this.#question !== undefined;
  }

  /**
   * The token for the next calls; called again shortly before it expires, and when it was refused.
   */
  async get(signal: AbortSignal): Promise<string> {
    this.#last = await this.#find(signal);
    return this.#last;
  }

  /** Rejects if there is no token. */
  async check(): Promise<void> {
    if (!this.#options.token && !this.canLogIn) {
      await this.#saved();
    }
  }

  /** The same failure; if the token has expired, an error that says so. */
  explain(failure: unknown): unknown {
    if (!(failure instanceof ConnectError) || failure.code !== Code.Unauthenticated) {
      return failure;
    }
    // If a token expired on its way, the server says no more than about an unknown one.
    const wasOver = failure.rawMessage === "invalid token" && isOver(this.#last);
    if (this.canLogIn && (wasOver || failure.rawMessage.startsWith("the token has expired"))) {
      return ownTokenExpired();
    }
    return wasOver
      ? tokenExpiredAt({ when: new Date(expiryOf(this.#last!)!).toISOString() })
      : failure;
  }

  async #find(signal: AbortSignal): Promise<string> {
    const { token: given, login, ask, url } = this.#options;
    if (given && !this.#isGivenUsed && !isOver(given)) {
      this.#isGivenUsed = true;
      return given;
    }
    if (this.#account !== undefined) {
      return login(this.#account, signal);
    }
    const token = given || (await readSavedToken(url));
    if (ask !== undefined && (token === undefined || isOver(token))) {
      return this.#askAndLogin(ask, signal);
    }
    // The clock of this computer may be wrong: the server decides whether the token has expired.
    return token ?? this.#saved();
  }

  async #askAndLogin(ask: AskAccount, signal: AbortSignal): Promise<string> {
    let fault: string | undefined;
    for (let attempt = 1; ; attempt++) {
      // An answer may take longer than requesting a token may: then the next call waits for the
      // same prompt.
      this.#question ??= ask(fault).finally(() => {
        this.#question = undefined;
      });
      const account = await orAborted(this.#question, signal);
      try {
        return await this.#options.login(account, signal);
      } catch (error) {
        const { code, rawMessage } = ConnectError.from(error);
        if (code !== Code.Unauthenticated || attempt === maxAttempts) {
          throw error;
        }
        fault = rawMessage;
      }
    }
  }

  async #saved(): Promise<string> {
    const token = await readSavedToken(this.#options.url);
    if (token === undefined) {
      throw noToken();
    }
    return token;
  }
}

function isOver(token: string | undefined): token is string {
  const expiry = token && expiryOf(token);
  return typeof expiry === "number" && expiry <= Date.now();
}
