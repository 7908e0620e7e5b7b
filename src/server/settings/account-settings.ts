import { isLoopback } from "../net/loopback.js";
import {
  demoAndAccounts,
  demoBeyondLoopback,
  noAccounts,
  noSigningKey,
  sameIssuer,
  twoSigningKeys,
} from "./errors.js";
import { type IssuerSettings, type issuerSettings, readIssuerSettings } from "./issuer-settings.js";
import type { SettingTable } from "./setting.js";
import type { SettingReader } from "./setting-reader.js";

/** Accounts, and the keys that sign tokens. */
export const accountSettings = {
  demo: {
    flag: "--demo",
    variable: "CHATTER_DEMO",
    description:
      "demo account goa / rocks, and a signing key kept in the data folder; loopback only",
  },
  usersFile: {
    flag: "--users-file <file>",
    variable: "CHATTER_USERS_FILE",
    description: 'accounts, created with "chatter user add"',
  },
  revocationsFile: {
    flag: "--revocations-file <file>",
    variable: "CHATTER_REVOCATIONS_FILE",
    description:
      'revoked tokens and users, created with "chatter token revoke" and "chatter user revoke" ' +
      "(default: none)",
  },
  signingKeyFile: {
    flag: "--signing-key-file <file>",
    variable: "CHATTER_SIGNING_KEY_FILE",
    description:
      'signing keys, created with "chatter key new", or a single key: a secret of at least 32 ' +
      "bytes, or an Ed25519 private key in PEM; or set CHATTER_SIGNING_KEY to the keys " +
      "themselves",
  },
  tokenIssuer: {
    flag: "--token-issuer <name>",
    variable: "CHATTER_TOKEN_ISSUER",
    description: "issuer of the tokens that this server issues",
    default: "chatter",
  },
  audience: {
    flag: "--audience <name>",
    variable: "CHATTER_AUDIENCE",
    description: "audience of the tokens",
    default: "chatter",
  },
  tokenLifetime: {
    flag: "--token-lifetime <seconds>",
    variable: "CHATTER_TOKEN_LIFETIME",
    description: "how long a token is valid",
    default: "3600",
  },
} as const satisfies SettingTable;

export interface AccountSettings {
  readonly demo: boolean;
  readonly usersFile: string | undefined;
  readonly revocationsFile: string | undefined;
  readonly signingKeyFile: string | undefined;
  /** The key itself, from CHATTER_SIGNING_KEY: it has no flag, because process lists are public. */
  readonly signingKey: string | undefined;
  readonly tokenIssuer: string;
  /** The outside issuer whose tokens are accepted beside the server's own. */
  readonly issuer: IssuerSettings | undefined;
  readonly audience: string;
  /** Milliseconds. */
  readonly tokenLifetimeMs: number;
}

/** Throws a `UsageError` for the first that is wrong, or for settings that exclude each other. */
export function readAccountSettings(
  reader: SettingReader<typeof accountSettings>,
  issuerReader: SettingReader<typeof issuerSettings>,
  signingKey: string | undefined,
): AccountSettings {
  const issuer = readIssuerSettings(issuerReader);
  const accounts = {
    demo: reader.isSet("demo"),
    usersFile: reader.text("usersFile"),
    signingKeyFile: reader.text("signingKeyFile"),
    signingKey,
    issuer,
  };
  checkAccounts(accounts);
  const tokenIssuer = reader.text("tokenIssuer")!;
  if (issuer?.issuer === tokenIssuer) {
    throw sameIssuer();
  }
  return {
    ...accounts,
    tokenIssuer,
    revocationsFile: reader.text("revocationsFile"),
    audience: reader.text("audience")!,
    tokenLifetimeMs: reader.milliseconds("tokenLifetime", 1, 10 * 365 * 86_400)!,
  };
}

/** Throws a `UsageError` if the demo account could be reached from elsewhere. */
export function refuseDemoBeyondLoopback(demo: boolean, host: string): void {
  if (demo && !isLoopback(host)) {
    throw demoBeyondLoopback({ host });
  }
}

type Accounts = Pick<
  AccountSettings,
  "demo" | "usersFile" | "signingKeyFile" | "signingKey" | "issuer"
>;

function checkAccounts(accounts: Accounts): void {
  const { demo, usersFile, signingKeyFile, signingKey, issuer } = accounts;
  const anyKey = signingKeyFile !== undefined || signingKey !== undefined;
  if (demo && (usersFile !== undefined || anyKey)) {
    throw demoAndAccounts();
  }
  if (signingKeyFile !== undefined && signingKey !== undefined) {
    throw twoSigningKeys();
  }
  if (!demo && usersFile === undefined && issuer === undefined) {
    throw noAccounts();
  }
  if (usersFile !== undefined && !anyKey) {
    throw noSigningKey();
  }
}
