import type { ConnectError } from "@connectrpc/connect";
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from "jose";
import { issuerKeysUnavailable, issuerUnreachable } from "../errors.js";

export interface IssuerKeysOptions {
  /** Where the issuer publishes its keys, a JSON Web Key Set. */
  readonly url: URL;
  /**
   * Called with the URL and the reason when they cannot be fetched: callers do not get to see
   * these.
   */
  readonly onError: (error: unknown) => void;
  /** Milliseconds after which they are fetched again. Default: 600,000 (10 minutes). */
  readonly refreshMs?: number;
  /**
   * Minimum interval between two fetches, whatever keys tokens name, in milliseconds. Default:
   * 30,000, or 5,000 while there are no keys at all.
   */
  readonly cooldownMs?: number;
  /** How long a fetch may take, in milliseconds. Default: 5,000. */
  readonly timeoutMs?: number;
}

/** The public keys of an outside issuer. */
export interface IssuerKeys {
  /**
   * The key that a token names. It waits for a fetch only if the key is unknown. Rejects with
   * `unavailable` if the issuer could not be asked for it.
   */
  readonly find: JWTVerifyGetKey;
  /** Fetches the keys in the background if they are old. */
  freshen(): void;
  /** Calls the listener when the issuer has other keys than before. */
  onChange(listener: () => void): void;
}

/** More than any issuer's key set has. */
const maxBytes = 512 * 1024;

/**
 * Fetches an issuer's keys at once, again when they are old, and when a token names an unknown one.
 * While the issuer is unavailable, the last fetched keys stay valid.
 */
export function createIssuerKeys({
  url,
  onError,
  refreshMs = 600_000,
  cooldownMs = 30_000,
  timeoutMs = 5_000,
}: IssuerKeysOptions): IssuerKeys {
  // When to fetch is decided here: jose's own cool-down counts from the last success, so an
  // unavailable issuer would be asked again for every token.
  const remote = createRemoteJWKSet(url, {
    cacheMaxAge: Number.POSITIVE_INFINITY,
    cooldownDuration: Number.POSITIVE_INFINITY,
    timeoutDuration: timeoutMs,
    [customFetch]: fetchBounded,
  });
  const listeners: (() => void)[] = [];
  let known: string | undefined;
  let failure: ConnectError | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;

  async function fetchKeys(): Promise<void> {
    triedAt = performance.now();
    try {
      await remote.reload();
      failure = undefined;
      const keys = JSON.stringify(remote.jwks());
      if (keys !== known) {
        known = keys;
        for (const listener of listeners) {
          listener();
        }
      }
    } catch (cause) {
      failure = issuerKeysUnavailable({ cause });
      onError(issuerUnreachable({ host: url.host, reason: reasonOf(cause as Error), cause }));
    }
  }

  /** Resolves when nothing newer can be had now. */
  async function update(leastMs: number): Promise<void> {
    if (!fetching && performance.now() - triedAt >= leastMs) {
      fetching = fetchKeys().finally(() => {
        fetching = undefined;
      });
    }
    await fetching;
  }

  const freshen = () => void update(refreshMs);
  freshen();
  return {
    freshen,

    async find(header, token) {
      if (known !== undefined) {
        try {
          return await remote(header, token);
        } catch (error) {
          if (!(error instanceof errors.JWKSNoMatchingKey)) {
            throw error;
          }
        }
      }
      await update(known === undefined ? Math.min(cooldownMs, 5_000) : cooldownMs);
      if (failure) {
        throw failure;
      }
      return remote(header, token);
    },

    onChange(listener) {
      listeners.push(listener);
    },
  };
}

/** Like `fetch`, but with a limit on what is read. */
async function fetchBounded(url: string, options: RequestInit): Promise<Response> {
  const response = await fetch(url, options);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new Error(`the answer has more than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return new Response(response.status === 200 ? Buffer.concat(chunks) : null, {
    status: response.status,
  });
}

/** The reason of an error from `fetch` or jose. */
function reasonOf({ message, cause }: Error): string {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return typeof code === "string" ? code : message; // The code of a DOMException is a number.
}
