import { isIP } from "node:net";
import { createOriginCheck } from "./websocket/origin.js";

/*
 * Every setting of `chatter serve`, in one place: flag, environment variable, default and
 * meaning. The command line, its --help and the checks are made from this.
 */

/** One setting. */
export interface Setting {
  /** As commander writes it: "--port <number>". */
  readonly flag: string;
  readonly variable: string;
  readonly description: string;
  /** Undefined: there is none, or what it means is in the description. */
  readonly default?: string;
}

/** The settings by the name under which `ServeSettings` has them. */
export const settings = {
  host: {
    flag: "--host <address>",
    variable: "CHATTER_HOST",
    description: "address to listen on",
    default: "127.0.0.1",
  },
  port: {
    flag: "--port <number>",
    variable: "CHATTER_PORT",
    description: "port to listen on; 0 picks a free one",
    default: "8080",
  },
  allowedOrigins: {
    flag: "--allowed-origins <list>",
    variable: "CHATTER_ALLOWED_ORIGINS",
    description:
      "web pages of other hosts that may open WebSockets: https://app.example,https://… (default: none)",
  },
  dataDir: {
    flag: "--data-dir <folder>",
    variable: "CHATTER_DATA_DIR",
    description: "folder of the embedded log; made if it is not there",
    default: "./data",
  },
  log: {
    flag: "--log <engine>",
    variable: "CHATTER_LOG",
    description:
      "where messages are kept: level (durable, in the data folder) or memory (lost at exit)",
    default: "level",
  },
  demo: {
    flag: "--demo",
    variable: "CHATTER_DEMO",
    description: "account goa / rocks and a signing key kept in the data folder; loopback only",
  },
  usersFile: {
    flag: "--users-file <file>",
    variable: "CHATTER_USERS_FILE",
    description: 'accounts, made with "chatter user add"',
  },
  signingKeyFile: {
    flag: "--signing-key-file <file>",
    variable: "CHATTER_SIGNING_KEY_FILE",
    description:
      "key of the tokens: a secret of 32 bytes or more, or an Ed25519 private key in PEM; " +
      "or give the key itself in the environment as CHATTER_SIGNING_KEY",
  },
  issuer: {
    flag: "--issuer <name>",
    variable: "CHATTER_ISSUER",
    description: "issuer of the tokens",
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
  shutdownGrace: {
    flag: "--shutdown-grace <seconds>",
    variable: "CHATTER_SHUTDOWN_GRACE",
    description: "how long calls may take to end when the server stops, then they are cut",
    default: "10",
  },
  dedupeWindow: {
    flag: "--dedupe-window <seconds>",
    variable: "CHATTER_DEDUPE_WINDOW",
    description: "how long a message_id is remembered",
    default: "600",
  },
  dedupeMaxIds: {
    flag: "--dedupe-max-ids <count>",
    variable: "CHATTER_DEDUPE_MAX_IDS",
    description: "how many message_ids are remembered at most",
    default: "1000000",
  },
  logLevel: {
    flag: "--log-level <level>",
    variable: "CHATTER_LOG_LEVEL",
    description: "what is told on standard error: silent, error, warn or info (a line a call)",
    default: "info",
  },
  retainSeconds: {
    flag: "--retain-seconds <seconds>",
    variable: "CHATTER_RETAIN_SECONDS",
    description: "remove messages older than this (default: keep all)",
  },
  retainMessages: {
    flag: "--retain-messages <count>",
    variable: "CHATTER_RETAIN_MESSAGES",
    description: "remove the oldest messages beyond so many (default: keep all)",
  },
  retainBytes: {
    flag: "--retain-bytes <bytes>",
    variable: "CHATTER_RETAIN_BYTES",
    description: "remove the oldest messages beyond so many stored bytes (default: keep all)",
  },
} as const satisfies Record<string, Setting>;

const logLevels = ["silent", "error", "warn", "info"] as const;
export type LogLevel = (typeof logLevels)[number];

function isLogLevel(text: string): text is LogLevel {
  return (logLevels as readonly string[]).includes(text);
}

/** What was given for each setting, by flag or variable, as text; `demo` as a boolean. */
export type GivenSettings = {
  readonly [Name in keyof typeof settings]?: Name extends "demo" ? boolean : string;
};

/** The settings in force, checked. */
export interface ServeSettings {
  readonly host: string;
  readonly port: number;
  readonly allowedOrigins: readonly string[];
  readonly dataDir: string;
  readonly log: "level" | "memory";
  readonly demo: boolean;
  readonly usersFile: string | undefined;
  readonly signingKeyFile: string | undefined;
  /** The key itself, from CHATTER_SIGNING_KEY: it has no flag, process lists are public. */
  readonly signingKey: string | undefined;
  readonly issuer: string;
  readonly audience: string;
  readonly logLevel: LogLevel;
  /** Milliseconds, as are all times below. */
  readonly tokenLifetimeMs: number;
  readonly shutdownGraceMs: number;
  readonly dedupe: { readonly windowMs: number; readonly maxIds: number };
  readonly retention: {
    readonly maxAgeMs?: number;
    readonly maxMessages?: number;
    readonly maxBytes?: number;
  };
}

type Name = keyof typeof settings;
type TextName = Exclude<Name, "demo">;

/** A setting that cannot be: says which, what was given, and what is right. */
export class SettingError extends Error {}

/**
 * The settings that the environment gives. An empty variable is as good as none. Throws a
 * `SettingError` for a CHATTER_DEMO that is neither yes nor no.
 *
 * @param warn is told what is ignored
 */
export function settingsOfEnvironment(
  environment: NodeJS.ProcessEnv,
  warn: (text: string) => void,
): GivenSettings {
  const given: Record<string, string | boolean> = {};
  for (const name of Object.keys(settings) as Name[]) {
    const { variable } = settings[name];
    const value = environment[variable];
    if (value === undefined || value === "") {
      continue;
    }
    if (name === "port" && value.startsWith("tcp://")) {
      // Kubernetes sets it for every service that is called "chatter".
      warn(`${variable} is ${JSON.stringify(value)}, an address that Kubernetes set: ignored`);
    } else if (name === "demo") {
      given[name] = parseYesNo(name, value);
    } else {
      given[name] = value;
    }
  }
  return given;
}

function parseYesNo(name: Name, value: string): boolean {
  if (/^(1|true|yes|on)$/i.test(value)) {
    return true;
  }
  if (/^(0|false|no|off)$/i.test(value)) {
    return false;
  }
  throw wrong(name, value, "1 or 0");
}

/** Checks the settings. Throws a `SettingError` for the first that is wrong. */
export function checkSettings(given: GivenSettings, signingKey?: string): ServeSettings {
  const text = (name: TextName): string | undefined => {
    const value = given[name] ?? (settings[name] as Setting).default;
    if (value === "") {
      throw wrong(name, value, "something");
    }
    return value;
  };
  const count = (name: TextName, least: number, most: number) => {
    const value = text(name);
    if (value === undefined) {
      return undefined;
    }
    if (!/^\d{1,15}$/.test(value) || Number(value) < least || Number(value) > most) {
      throw wrong(name, value, `a whole number from ${least} to ${most}`);
    }
    return Number(value);
  };
  const seconds = (name: TextName, least: number, most: number) => {
    const value = count(name, least, most);
    return value === undefined ? undefined : value * 1000;
  };

  const log = text("log")!;
  if (log !== "level" && log !== "memory") {
    throw wrong("log", log, "level or memory");
  }
  const demo = given.demo ?? false;
  const host = text("host")!;
  if (demo && !isLoopback(host)) {
    throw new SettingError(
      `--demo has a public password, so it refuses --host ${host}: use 127.0.0.1, ::1 or localhost, ` +
        "or give --users-file and --signing-key-file instead of --demo",
    );
  }
  const logLevel = text("logLevel")!;
  if (!isLogLevel(logLevel)) {
    throw wrong("logLevel", logLevel, logLevels.join(", "));
  }
  const usersFile = text("usersFile");
  const signingKeyFile = text("signingKeyFile");
  checkAccounts({ demo, usersFile, signingKeyFile, signingKey });
  return {
    host,
    port: count("port", 0, 65_535)!,
    allowedOrigins: originsOf(text("allowedOrigins")),
    dataDir: text("dataDir")!,
    log,
    demo,
    usersFile,
    signingKeyFile,
    signingKey,
    logLevel,
    issuer: text("issuer")!,
    audience: text("audience")!,
    tokenLifetimeMs: seconds("tokenLifetime", 1, 10 * 365 * 86_400)!,
    shutdownGraceMs: seconds("shutdownGrace", 0, 3600)!,
    dedupe: {
      windowMs: seconds("dedupeWindow", 1, 7 * 86_400)!,
      maxIds: count("dedupeMaxIds", 1, 100_000_000)!,
    },
    retention: {
      maxAgeMs: seconds("retainSeconds", 1, 1e10),
      maxMessages: count("retainMessages", 1, 1e15 - 1),
      maxBytes: count("retainBytes", 1, 1e15 - 1),
    },
  };
}

function originsOf(list: string | undefined): readonly string[] {
  const origins = list?.split(",").map((origin) => origin.trim()) ?? [];
  try {
    createOriginCheck(origins);
  } catch {
    throw wrong("allowedOrigins", list!, "origins such as https://app.example:8443, with commas");
  }
  return origins;
}

type Accounts = Pick<ServeSettings, "demo" | "usersFile" | "signingKeyFile" | "signingKey">;

function checkAccounts({ demo, usersFile, signingKeyFile, signingKey }: Accounts): void {
  const anyKey = signingKeyFile !== undefined || signingKey !== undefined;
  if (demo && (usersFile !== undefined || anyKey)) {
    throw new SettingError(
      "--demo has its own account and key: give either --demo, or --users-file and a signing key",
    );
  }
  if (signingKeyFile !== undefined && signingKey !== undefined) {
    throw new SettingError("give either --signing-key-file or CHATTER_SIGNING_KEY, not both");
  }
  if (!demo && usersFile === undefined) {
    throw new SettingError(
      'no accounts: give --users-file (made with "chatter user add NAME"), or --demo to try it out',
    );
  }
  if (!demo && !anyKey) {
    throw new SettingError(
      'no signing key: give --signing-key-file (made with "openssl rand -base64 32 > FILE") or CHATTER_SIGNING_KEY',
    );
  }
}

function wrong(name: Name, value: string, right: string): SettingError {
  const { flag, variable } = settings[name];
  return new SettingError(
    `${flag.split(" ")[0]} (${variable}) is ${JSON.stringify(value)}: it must be ${right}`,
  );
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
