import type { NatsAddress } from "../log/nats/session.js";
import { halfANatsCertificate, invalidNatsAddress, twoNatsLogins } from "./errors.js";
import type { SettingTable } from "./setting.js";
import type { SettingReader } from "./setting-reader.js";

/** How to connect to NATS, and which stream is the log. Only for `--log nats://…`. */
export const natsSettings = {
  natsStream: {
    flag: "--nats-stream <name>",
    variable: "CHATTER_NATS_STREAM",
    description: "JetStream stream that holds the log; created if missing",
    default: "chatter",
  },
  natsReplicas: {
    flag: "--nats-replicas <count>",
    variable: "CHATTER_NATS_REPLICAS",
    description:
      "replicas of the stream, 1 to 5 (default: unchanged; 3 for a new stream, 1 outside a " +
      "cluster)",
  },
  natsStorage: {
    flag: "--nats-storage <kind>",
    variable: "CHATTER_NATS_STORAGE",
    description:
      "where the nodes store the stream: file or memory (default: unchanged; file for a new " +
      "stream)",
  },
  natsTimeout: {
    flag: "--nats-timeout <seconds>",
    variable: "CHATTER_NATS_TIMEOUT",
    description: "how long the server waits for NATS at start, and a post for its acknowledgement",
    default: "10",
  },
  natsCredentialsFile: {
    flag: "--nats-credentials-file <file>",
    variable: "CHATTER_NATS_CREDENTIALS_FILE",
    description: "credentials of a NATS user: its JWT and NKey seed",
  },
  natsNkeyFile: {
    flag: "--nats-nkey-file <file>",
    variable: "CHATTER_NATS_NKEY_FILE",
    description: "seed of a NATS user's NKey",
  },
  natsTlsCa: {
    flag: "--nats-tls-ca <file>",
    variable: "CHATTER_NATS_TLS_CA",
    description: "certificate authority of the NATS servers, PEM (default: those of Node)",
  },
  natsTlsCert: {
    flag: "--nats-tls-cert <file>",
    variable: "CHATTER_NATS_TLS_CERT",
    description: "client certificate for NATS, PEM",
  },
  natsTlsKey: {
    flag: "--nats-tls-key <file>",
    variable: "CHATTER_NATS_TLS_KEY",
    description: "private key of that certificate, PEM",
  },
} as const satisfies SettingTable;

export interface NatsSettings {
  readonly address: NatsAddress;
  readonly stream: string;
  readonly replicas: number | undefined;
  readonly storage: "file" | "memory" | undefined;
  /** Milliseconds. */
  readonly timeoutMs: number;
}

/** Whether a value of `--log` is an address of NATS. */
export function isNatsAddress(log: string): boolean {
  return /^(nats|tls):\/\//.test(log);
}

/**
 * Throws a `UsageError` for the first that is wrong. Its text never quotes `log`, the value of
 * `--log`, which may contain a password.
 */
export function readNatsSettings(
  reader: SettingReader<typeof natsSettings>,
  log: string,
): NatsSettings {
  const stream = reader.text("natsStream")!;
  if (!/^[\w-]{1,64}$/.test(stream)) {
    reader.wrong("natsStream", stream, "1 to 64 letters, digits, _ and -");
  }
  const storage = reader.text("natsStorage");
  if (storage !== undefined && storage !== "file" && storage !== "memory") {
    reader.wrong("natsStorage", storage, "file or memory");
  }
  const caFile = reader.text("natsTlsCa");
  const certFile = reader.text("natsTlsCert");
  const keyFile = reader.text("natsTlsKey");
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw halfANatsCertificate();
  }
  const files = caFile !== undefined || certFile !== undefined;
  const credentialsFile = reader.text("natsCredentialsFile");
  const nkeyFile = reader.text("natsNkeyFile");
  const place = readAddress(log);
  const ways = [place.user ?? place.token, credentialsFile, nkeyFile];
  if (ways.filter((way) => way !== undefined).length > 1) {
    throw twoNatsLogins();
  }
  return {
    address: {
      ...place,
      credentialsFile,
      nkeyFile,
      tls: files || log.startsWith("tls:") ? { caFile, certFile, keyFile } : undefined,
    },
    stream,
    replicas: reader.count("natsReplicas", 1, 5),
    storage,
    timeoutMs: reader.milliseconds("natsTimeout", 1, 300)!,
  };
}

/** Reads nats://[user:password@|token@]host[:port],… */
function readAddress(log: string): Pick<NatsAddress, "servers" | "user" | "password" | "token"> {
  const servers: string[] = [];
  let login = { username: "", password: "" };
  for (const item of log.split(",")) {
    const url = parse(item.trim());
    servers.push(`${url.hostname}:${url.port || "4222"}`);
    if (url.username !== "") {
      login = url;
    }
  }
  const username = decode(login.username);
  const password = decode(login.password);
  if (username === "") {
    return { servers };
  }
  return password === "" ? { servers, token: username } : { servers, user: username, password };
}

function parse(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && /^\/?$/.test(url.pathname) && url.search + url.hash === "";
  const hasUser = url?.username !== "" || url.password === "";
  if (!isPlain || !hasUser || !isNatsAddress(text) || url.hostname === "") {
    throw invalidNatsAddress();
  }
  return url;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidNatsAddress();
  }
}
