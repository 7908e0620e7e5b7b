import { Code, ConnectError } from "@connectrpc/connect";
import { LinkedAbort, orAborted } from "./abort.js";

/**
 * Who calls: an account, whose token is fetched by Login and renewed; a fixed token; or a
 * function that gets one from elsewhere and is asked again when it must be renewed. If the
 * function throws, that is retried, unless it is a ConnectError with a final code.
 */
export type ClientAuth =
  | { readonly user: string; readonly password: string }
  | { readonly token: string }
  | ((signal: AbortSignal) => string | Promise<string>);

/** A token and, if that is known, when it stops to be accepted, in ms since 1970. */
export interface DatedToken {
  readonly token: string;
  readonly expiresAt: number | undefined;
}

/** Where calls get their token. */
export interface TokenSource {
  /** The token to call with now. Rejects as its source does, and with the signal's reason. */
  get(signal: AbortSignal): Promise<string>;
  /** The server refused the token. Returns whether another one may be had. */
  refuse(token: string): boolean;
}

/** Exchanges a name and a password for a token. */
export type Login = (user: string, password: string, signal: AbortSignal) => Promise<DatedToken>;

/** Throws a TypeError if `auth` is none of its kinds. */
export function createTokenSource(auth: ClientAuth, login: Login): TokenSource {
  if (typeof auth === "function") {
    return new RenewingTokens(async (signal) => {
      const token = sendable(await auth(signal));
      return { token, expiresAt: expiryOf(token) };
    });
  }
  const { token, user, password } = (auth ?? {}) as Record<string, unknown>;
  if (typeof token === "string") {
    return { get: async () => sendable(token), refuse: () => false };
  }
  if (typeof user === "string" && typeof password === "string") {
    return new RenewingTokens((signal) => login(user, password, signal));
  }
  throw new TypeError(
    `"auth" must be { user, password }, { token } or a function that returns a token`,
  );
}

/**
 * The token as it goes into a header. Throws `unauthenticated` if it cannot, in words of our
 * own: those of the platform repeat the token.
 */
function sendable(token: unknown): string {
  const fault = (what: string) =>
    new ConnectError(`the token ${what}: it must have visible ASCII alone`, Code.Unauthenticated);
  if (typeof token !== "string") {
    throw fault(`is no string but ${token === null ? "null" : typeof token}`);
  }
  const text = token.trim(); // files end with a line's end
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw fault(text === "" ? "is empty" : "has spaces or other characters that no token has");
  }
  return text;
}

/** A token is renewed when so much of its life is over. */
const renewAfter = 0.9;
/** How long a renewal may take, in milliseconds. */
const renewalLimitMs = 30_000;

interface Renewal {
  readonly abort: LinkedAbort;
  readonly outcome: Promise<string>;
  waiters: number;
}

class RenewingTokens implements TokenSource {
  readonly #fetchToken: (signal: AbortSignal) => Promise<DatedToken>;
  #current:
    | { readonly token: string; readonly renewAt: number; readonly until: number }
    | undefined;
  #renewal: Renewal | undefined;

  constructor(fetchToken: (signal: AbortSignal) => Promise<DatedToken>) {
    this.#fetchToken = fetchToken;
  }

  async get(signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    if (this.#current && Date.now() < this.#current.renewAt) {
      return this.#current.token;
    }
    this.#renewal ??= this.#startRenewal();
    const renewal = this.#renewal;
    renewal.waiters++;
    try {
      return await orAborted(renewal.outcome, signal);
    } catch (error) {
      if (!signal.aborted && this.#current && Date.now() < this.#current.until) {
        // Renewing ahead of time has failed; the old one still lives.
        return this.#current.token;
      }
      throw error;
    } finally {
      if (--renewal.waiters === 0) {
        this.#end(renewal);
        renewal.abort.abort();
      }
    }
  }

  refuse(token: string): boolean {
    if (this.#current?.token === token) {
      this.#current = undefined;
    }
    return true;
  }

  #startRenewal(): Renewal {
    const abort = new LinkedAbort();
    const timer = setTimeout(() => {
      const text = `no token came within ${renewalLimitMs / 1000} s`;
      abort.abort(new ConnectError(text, Code.Unavailable));
    }, renewalLimitMs);
    const renewal: Renewal = {
      abort,
      waiters: 0,
      outcome: orAborted(this.#fetchToken(abort.signal), abort.signal)
        .then((fetched) => this.#keep(fetched))
        .finally(() => {
          clearTimeout(timer);
          this.#end(renewal);
        }),
    };
    return renewal;
  }

  #end(renewal: Renewal): void {
    if (this.#renewal === renewal) {
      this.#renewal = undefined;
    }
  }

  #keep({ token, expiresAt }: DatedToken): string {
    const now = Date.now();
    // A token that is over when it comes: this computer's clock is wrong. The server will
    // say when it is over.
    const lifeMs = expiresAt === undefined || expiresAt <= now ? Infinity : expiresAt - now;
    this.#current = { token, renewAt: now + lifeMs * renewAfter, until: now + lifeMs };
    return token;
  }
}

/** When a JWT expires, in ms since 1970; undefined if it does not say, or is no JWT. */
function expiryOf(token: string): number | undefined {
  try {
    const payload = token.split(".")[1] ?? "";
    const { exp } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
