import type { CertificateFiles } from "../http/certificate.js";
import { parseOrigins } from "../service/origins.js";
import { createTrustedProxies } from "../service/peer-address.js";
import { SettingError, type SettingTable } from "./setting.js";
import type { SettingReader } from "./setting-reader.js";

/** Where the server listens, to whom, and how it stops. */
export const listenSettings = {
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
  tlsCert: {
    flag: "--tls-cert <file>",
    variable: "CHATTER_TLS_CERT",
    description:
      "certificate and its chain, PEM: the port then speaks TLS (1.2 or newer) only; read again when it changes and at SIGHUP",
  },
  tlsKey: {
    flag: "--tls-key <file>",
    variable: "CHATTER_TLS_KEY",
    description: "private key of --tls-cert, PEM without a passphrase",
  },
  allowedOrigins: {
    flag: "--allowed-origins <list>",
    variable: "CHATTER_ALLOWED_ORIGINS",
    description:
      "web pages of other hosts that may make calls and open WebSockets: https://app.example,https://… (default: none)",
  },
  trustedProxies: {
    flag: "--trusted-proxies <list>",
    variable: "CHATTER_TRUSTED_PROXIES",
    description:
      "proxies whose X-Forwarded-For is believed: 192.0.2.1,10.0.0.0/8,… (default: none)",
  },
  shutdownGrace: {
    flag: "--shutdown-grace <seconds>",
    variable: "CHATTER_SHUTDOWN_GRACE",
    description: "how long calls may take to end when the server stops, then they are cut",
    default: "10",
  },
} as const satisfies SettingTable;

export interface ListenSettings {
  readonly host: string;
  readonly port: number;
  /** Undefined: no TLS. */
  readonly certificate: CertificateFiles | undefined;
  readonly allowedOrigins: readonly string[];
  readonly trustedProxies: readonly string[];
  /** Milliseconds. */
  readonly shutdownGraceMs: number;
}

/** Throws a `SettingError` for the first that is wrong. */
export function readListenSettings(reader: SettingReader<typeof listenSettings>): ListenSettings {
  return {
    host: reader.text("host")!,
    port: reader.count("port", 0, 65_535)!,
    certificate: certificateOf(reader),
    allowedOrigins: originsOf(reader),
    trustedProxies: proxiesOf(reader),
    shutdownGraceMs: reader.milliseconds("shutdownGrace", 0, 3600)!,
  };
}

function certificateOf(reader: SettingReader<typeof listenSettings>): CertificateFiles | undefined {
  const certFile = reader.text("tlsCert");
  const keyFile = reader.text("tlsKey");
  if (certFile !== undefined && keyFile !== undefined) {
    return { certFile, keyFile };
  }
  if (certFile !== undefined || keyFile !== undefined) {
    throw new SettingError(
      "--tls-cert and --tls-key belong together: give both for TLS, or none for cleartext",
    );
  }
  return undefined;
}

function originsOf(reader: SettingReader<typeof listenSettings>): readonly string[] {
  const origins = reader.list("allowedOrigins");
  try {
    parseOrigins(origins);
  } catch {
    reader.wrong(
      "allowedOrigins",
      reader.text("allowedOrigins")!,
      "origins such as https://app.example:8443, with commas",
    );
  }
  return origins;
}

function proxiesOf(reader: SettingReader<typeof listenSettings>): readonly string[] {
  const proxies = reader.list("trustedProxies");
  try {
    createTrustedProxies(proxies);
  } catch {
    reader.wrong(
      "trustedProxies",
      reader.text("trustedProxies")!,
      "addresses and networks such as 192.0.2.1 or 10.0.0.0/8, with commas",
    );
  }
  return proxies;
}
