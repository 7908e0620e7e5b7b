import { ConnectError } from "@connectrpc/connect";
import { LinkedAbort, orAborted } from "../async/abort.js";
import { elapsedMs, type Moment, now } from "../async/elapsed-time.js";
import { invalidAuth, tokenLate, unsendableToken } from "./errors.js";
import { asDecided, isStatusAlone } from "./final-error.js";

/**
 * The credentials: an account, whose token is fetched by Login and renewed; a fixed token; or a
 * function that gets one from elsewhere and is called again when it must be renewed. If the
 * function throws, it is tried again, unless the error is a ConnectError with a final code that was
 * not made from an HTTP status alone.
 */
export type ClientAuth =
  | { readonly user: string; readonly password: string }
  | { readonly token: string }
  | ((signal: AbortSignal) => string | Promise<string>);

/** A token and, if that is known, when it stops being accepted, in ms since 1970. */
export interface DatedToken {
  readonly token: string;
  readonly expiresAt: number | undefined;
}

/** The source of tokens for calls. */
export interface TokenSource {
  /** The token for calls now. Rejects as its source does, and with the signal's reason. */
  get(signal: AbortSignal): Promise<string>;
  /** The server refused the token. */
  refuse(token: string): RefusedToken;
}

/** What is known about a token that was refused. */
export interface RefusedToken {
  /** There may be another one. */
  readonly mayRenew: boolean;
  /** It had expired, which says nothing against the next one: a call can take long to arrive. */
  readonly isOver: boolean;
}

/** Exchanges a name and a password for a token. */
export type Login = (user: string, password: string, signal: AbortSignal) => Promise<DatedToken>;

/** Throws a TypeError if `auth` is not valid. */
export function createTokenSource(auth: ClientAuth, login: Login): TokenSource {
  if (typeof auth === "function") {
    return new RenewingTokens(async (signal) => {
      const token = sendable(await askFor(auth, signal));
      return { token, expiresAt: expiryOf(token) };
    });
  }
  const { token, user, password } = (auth ?? {}) as Record<string, unknown>;
  if (typeof token === "string") {
    return { get: async () => sendable(token), refuse: () => ({ mayRenew: false, isOver: false }) };
  }
  if (typeof user === "string" && typeof password === "string") {
    return new RenewingTokens((signal) => login(user, password, signal));
  }
  throw invalidAuth();
}

/**
 * The token of a function. What it throws is final or not by its own decision, whoever it has
 * asked.
 */
async function askFor(
  auth: (signal: AbortSignal) => string | Promise<string>,
  signal: AbortSignal,
): Promise<string> {
  try {
    return await auth(signal);
  } catch (error) {
    throw error instanceof ConnectError && !isStatusAlone(error) ? asDecided(error) : error;
  }
}

/**
 * The token as it is put into a header. Throws `unauthenticated` if that is not possible, in our
 * own words: those of the platform repeat the token.
 */
function sendable(token: unknown): string {
  const refusal = (fault: string) => asDecided(unsendableToken({ fault }));
  if (typeof token !== "string") {
    throw refusal(`is not a string but ${token === null ? "null" : typeof token}`);
  }
  const text = token.trim(); // files end with a line break
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw refusal(text === "" ? "is empty" : "has spaces or other characters that no token has");
  }
  return text;
}

/** The part of a token's lifetime after which it is renewed. */
const renewAfter = 0.9;
/** How long a renewal may take, in milliseconds. */
const renewalLimitMs = 30_000;
/** For how many tokens their expiry is remembered: there may still be calls with earlier ones. */
const rememberedTokens = 8;

interface Renewal {
  readonly abort: LinkedAbort;
  readonly outcome: Promise<string>;
  waiters: number;
}

interface KnownToken {
  readonly token: string;
  readonly since: Moment;
  /** The time of expiry; Infinity if it is unknown. */
  readonly lifeMs: number;
}

/** Whether this part of a token's lifetime is over. */
function isOver({ since, lifeMs }: KnownToken, share = 1): boolean {
  return elapsedMs(since) >= lifeMs * share;
}

class RenewingTokens implements TokenSource {
  readonly #fetchToken: (signal: AbortSignal) => Promise<DatedToken>;
  #current: KnownToken | undefined;
  /** The last ones, the newest last. */
  readonly #known: KnownToken[] = [];
  #renewal: Renewal | undefined;

  constructor(fetchToken: (signal: AbortSignal) => Promise<DatedToken>) {
    this.#fetchToken = fetchToken;
  }

  async get(signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    if (this.#current && !isOver(this.#current, renewAfter)) {
      return this.#current.token;
    }
    this.#renewal ??= this.#startRenewal();
    const renewal = this.#renewal;
    renewal.waiters++;
    try {
      return await orAborted(renewal.outcome, signal);
    } catch (error) {
      if (!signal.aborted && this.#current && !isOver(this.#current)) {
        // Renewing ahead of time has failed; the old one is still valid.
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

  refuse(token: string): RefusedToken {
    if (this.#current?.token === token) {
      this.#current = undefined;
    }
    const known = this.#known.find((each) => each.token === token);
    return { mayRenew: true, isOver: known !== undefined && isOver(known) };
  }

  #startRenewal(): Renewal {
    const abort = new LinkedAbort();
    const timer = setTimeout(() => {
      abort.abort(tokenLate({ seconds: renewalLimitMs / 1000 }));
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
    const since = now();
    // The token has expired on arrival: this computer's clock is wrong. The server will say when it
    // has expired.
    const lifeMs =
      expiresAt === undefined || expiresAt <= since.date ? Infinity : expiresAt - since.date;
    this.#current = { token, since, lifeMs };
    if (this.#known.push(this.#current) > rememberedTokens) {
      this.#known.shift();
    }
    return token;
  }
}

/** When a JWT expires, in ms since 1970; undefined if it does not say, or is not a valid JWT. */
export function expiryOf(token: string): number | undefined {
  try {
    const payload = token.split(".")[1] ?? "";
    const { exp } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
