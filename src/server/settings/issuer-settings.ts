import { subjectOf } from "../auth/issuer/issuer-tokens.js";
import { checkSubject } from "../auth/names.js";
import { checkScopes, type Scope } from "../auth/scopes.js";
import { isLoopback } from "../net/loopback.js";
import { credentialsInJwksUrl, halfAnIssuer, scopesWithoutIssuer } from "./errors.js";
import type { SettingTable } from "./setting.js";
import type { SettingReader } from "./setting-reader.js";

/** The outside issuer whose tokens are accepted beside the server's own. */
export const issuerSettings = {
  issuer: {
    flag: "--issuer <name>",
    variable: "CHATTER_ISSUER",
    description:
      "also accept tokens of this outside issuer, for the same --audience; needs --jwks-url " +
      "(default: none)",
  },
  jwksUrl: {
    flag: "--jwks-url <url>",
    variable: "CHATTER_JWKS_URL",
    description: "URL of that issuer's keys: https, or http on this machine",
  },
  scopeClaim: {
    flag: "--scope-claim <name>",
    variable: "CHATTER_SCOPE_CLAIM",
    description:
      "claim of its tokens that names their scopes, or the path to it, such as " +
      "realm_access.roles: a list, an object, or text separated by spaces (default: scope)",
  },
  scopeMap: {
    flag: "--scope-map <list>",
    variable: "CHATTER_SCOPE_MAP",
    description:
      "how values of that claim map to scopes: chat.read=stream:read,chat.write=stream:write " +
      "(default: stream:read and stream:write as they are)",
  },
} as const satisfies SettingTable;

export interface IssuerSettings {
  readonly issuer: string;
  readonly jwksUrl: URL;
  /** Undefined: the claim `scope`. */
  readonly scopeClaim: string | undefined;
  /** Undefined: each scope grants itself. */
  readonly scopeMap: ReadonlyMap<string, Scope> | undefined;
}

/**
 * The outside issuer, if there is one. Throws a `UsageError` for the first setting that is wrong,
 * or if one is given without those that it needs.
 */
export function readIssuerSettings(
  reader: SettingReader<typeof issuerSettings>,
): IssuerSettings | undefined {
  const issuer = reader.text("issuer");
  const jwksUrl = reader.text("jwksUrl");
  const scopeClaim = reader.text("scopeClaim");
  const scopeMap = scopeMapOf(reader);
  if (issuer === undefined || jwksUrl === undefined) {
    if (issuer !== undefined || jwksUrl !== undefined) {
      throw halfAnIssuer();
    }
    if (scopeClaim !== undefined || scopeMap !== undefined) {
      throw scopesWithoutIssuer();
    }
    return undefined;
  }
  checkIssuer(reader, issuer);
  return { issuer, jwksUrl: urlOf(reader, jwksUrl), scopeClaim, scopeMap };
}

function checkIssuer(reader: SettingReader<typeof issuerSettings>, issuer: string): void {
  try {
    checkSubject(subjectOf(issuer, "x".repeat(32)));
  } catch {
    reader.wrong("issuer", issuer, "text of at most 90 bytes without control characters");
  }
}

function urlOf(reader: SettingReader<typeof issuerSettings>, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Not quoted: it may contain a password.
  if (url && url.username + url.password !== "") {
    throw credentialsInJwksUrl();
  }
  const isSafe =
    url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname));
  return isSafe
    ? url!
    : reader.wrong(
        "jwksUrl",
        text,
        "a URL that begins with https://, or with http:// and an address of this machine",
      );
}

function scopeMapOf(
  reader: SettingReader<typeof issuerSettings>,
): ReadonlyMap<string, Scope> | undefined {
  const pairs = reader.list("scopeMap").map((pair) => {
    const at = pair.lastIndexOf("=");
    return [pair.slice(0, Math.max(0, at)), pair.slice(at + 1)] as const;
  });
  try {
    checkScopes(pairs.map(([, scope]) => scope));
  } catch {
    return wrongMap(reader);
  }
  const map = new Map(pairs as [string, Scope][]);
  if (map.size !== pairs.length || pairs.some(([word]) => word === "" || word.includes(" "))) {
    return wrongMap(reader);
  }
  return map.size === 0 ? undefined : map;
}

function wrongMap(reader: SettingReader<typeof issuerSettings>): never {
  return reader.wrong(
    "scopeMap",
    reader.text("scopeMap")!,
    "pairs such as chat.read=stream:read,chat.write=stream:write; scopes for some rooms only are like stream:read:team/*",
  );
}
