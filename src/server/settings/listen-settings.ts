import { unixPathOf, unixUrlRule } from "../../protocol/unix-url.js";
import type { CertificateFiles } from "../http/tls/certificate.js";
import { createHostCheck, defaultHosts } from "../net/allowed-hosts.js";
import { parseOrigins } from "../net/origins.js";
import { createTrustedProxies } from "../net/peer-address.js";
import {
  authorityWithoutTls,
  halfACertificate,
  modeWithoutSocket,
  requiredWithoutAuthority,
  reusePortNeedsNode,
  socketAndPort,
} from "./errors.js";
import type { SettingTable } from "./setting.js";
import type { SettingReader } from "./setting-reader.js";

/** Where the server listens, for whom, and how it stops. */
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
  listen: {
    flag: "--listen <url>",
    variable: "CHATTER_LISTEN",
    description:
      "Unix socket to listen on instead of --host and --port: unix:/run/chatter/chatter.sock",
  },
  listenMode: {
    flag: "--listen-mode <octal>",
    variable: "CHATTER_LISTEN_MODE",
    description: "mode of that socket's file: who may connect",
    default: "660",
  },
  reusePort: {
    flag: "--reuse-port",
    variable: "CHATTER_REUSE_PORT",
    description:
      "share the port with other servers of this machine and user that have it set, too: the " +
      "kernel spreads connections over them; needs --log nats:// and Node.js 22.12 or newer",
  },
  tlsCert: {
    flag: "--tls-cert <file>",
    variable: "CHATTER_TLS_CERT",
    description:
      "certificate and its chain, PEM: the port then accepts TLS (1.2 or newer) only; reloaded " +
      "when it changes and at SIGHUP",
  },
  tlsKey: {
    flag: "--tls-key <file>",
    variable: "CHATTER_TLS_KEY",
    description: "private key of --tls-cert, PEM without a passphrase",
  },
  tlsClientCa: {
    flag: "--tls-client-ca <file>",
    variable: "CHATTER_TLS_CLIENT_CA",
    description:
      "authorities of client certificates, PEM: clients may show a certificate of one of these, " +
      "and no other; reloaded as --tls-cert is",
  },
  tlsClientRequired: {
    flag: "--tls-client-required",
    variable: "CHATTER_TLS_CLIENT_REQUIRED",
    description: "refuse connections without a client certificate",
  },
  allowedOrigins: {
    flag: "--allowed-origins <list>",
    variable: "CHATTER_ALLOWED_ORIGINS",
    description:
      "web pages of other hosts that may make calls and open WebSockets: https://app.example,https://… (default: none)",
  },
  allowedHosts: {
    flag: "--allowed-hosts <list>",
    variable: "CHATTER_ALLOWED_HOSTS",
    description:
      "hosts for which requests are answered, others get 421: " +
      "chatter.example,*.example,192.0.2.1,[::1] or * for all (default: loopback names only on " +
      "a loopback address without TLS, otherwise all)",
  },
  trustedProxies: {
    flag: "--trusted-proxies <list>",
    variable: "CHATTER_TRUSTED_PROXIES",
    description:
      "proxies whose X-Forwarded-For is believed: 192.0.2.1,10.0.0.0/8,…, or unix for those that " +
      "connect to --listen (default: none)",
  },
  shutdownGrace: {
    flag: "--shutdown-grace <seconds>",
    variable: "CHATTER_SHUTDOWN_GRACE",
    description: "how long calls may take to end when the server stops, before they are cut",
    default: "10",
  },
} as const satisfies SettingTable;

export interface ListenSettings {
  readonly host: string;
  readonly port: number;
  /** The path of a Unix socket, instead of host and port. Undefined: there is none. */
  readonly path: string | undefined;
  /** Of its file. */
  readonly mode: number;
  /** Whether other servers may listen on the same port. */
  readonly reusePort: boolean;
  /** Undefined: no TLS. */
  readonly certificate: CertificateFiles | undefined;
  /** Whether clients must have a certificate. */
  readonly clientRequired: boolean;
  readonly allowedOrigins: readonly string[];
  /** Undefined: not given. */
  readonly allowedHosts: readonly string[] | undefined;
  /** The hosts that the server answers for. Undefined: every one. */
  readonly answeredHosts: readonly string[] | undefined;
  readonly trustedProxies: readonly string[];
  /** Milliseconds. */
  readonly shutdownGraceMs: number;
}

/** Throws a `UsageError` for the first that is wrong. */
export function readListenSettings(reader: SettingReader<typeof listenSettings>): ListenSettings {
  const host = reader.text("host")!;
  const path = socketOf(reader);
  const certificate = certificateOf(reader);
  const allowedHosts = hostsOf(reader);
  return {
    host,
    port: reader.count("port", 0, 65_535)!,
    path,
    mode: modeOf(reader),
    reusePort: reusesPort(reader),
    certificate,
    clientRequired: reader.isSet("tlsClientRequired"),
    allowedOrigins: originsOf(reader),
    allowedHosts,
    answeredHosts: allowedHosts ?? (certificate || path ? undefined : defaultHosts(host)),
    trustedProxies: proxiesOf(reader),
    shutdownGraceMs: reader.milliseconds("shutdownGrace", 0, 3600)!,
  };
}

/** Pages cannot call a Unix socket, and only this machine reaches it: it has no hosts, nor TLS. */
function socketOf(reader: SettingReader<typeof listenSettings>): string | undefined {
  const url = reader.text("listen");
  if (url === undefined) {
    if (reader.isGiven("listenMode")) {
      throw modeWithoutSocket();
    }
    return undefined;
  }
  const others = ["host", "port", "reusePort", "tlsCert", "tlsKey"] as const;
  const other = others.find((name) => reader.isGiven(name));
  if (other !== undefined) {
    const { flag, variable } = listenSettings[other];
    throw socketAndPort({ flag: flag.split(" ")[0]!, variable });
  }
  return unixPathOf(url) ?? reader.wrong("listen", url, unixUrlRule);
}

/** Node took no notice of it before 22.12: servers would refuse each other's port. */
function reusesPort(reader: SettingReader<typeof listenSettings>): boolean {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split(".").map(Number);
  if (reader.isSet("reusePort") && (major < 22 || (major === 22 && minor < 12))) {
    throw reusePortNeedsNode({ node });
  }
  return reader.isSet("reusePort");
}

function modeOf(reader: SettingReader<typeof listenSettings>): number {
  const mode = reader.text("listenMode")!;
  return /^0?[0-7]{3}$/.test(mode)
    ? Number.parseInt(mode, 8)
    : reader.wrong("listenMode", mode, "three octal digits, such as 660");
}

function certificateOf(reader: SettingReader<typeof listenSettings>): CertificateFiles | undefined {
  const certFile = reader.text("tlsCert");
  const keyFile = reader.text("tlsKey");
  const clientCaFile = reader.text("tlsClientCa");
  if (reader.isSet("tlsClientRequired") && clientCaFile === undefined) {
    throw requiredWithoutAuthority();
  }
  if (certFile !== undefined && keyFile !== undefined) {
    return { certFile, keyFile, clientCaFile };
  }
  if (certFile !== undefined || keyFile !== undefined) {
    throw halfACertificate();
  }
  if (clientCaFile !== undefined) {
    throw authorityWithoutTls();
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

function hostsOf(reader: SettingReader<typeof listenSettings>): readonly string[] | undefined {
  const hosts = reader.list("allowedHosts");
  try {
    createHostCheck(hosts);
  } catch {
    reader.wrong(
      "allowedHosts",
      reader.text("allowedHosts")!,
      "hosts without ports, such as chatter.example, *.chatter.example, 192.0.2.1, [::1] or 10.0.0.0/8, with commas",
    );
  }
  return hosts.length === 0 ? undefined : hosts;
}

function proxiesOf(reader: SettingReader<typeof listenSettings>): readonly string[] {
  const proxies = reader.list("trustedProxies");
  try {
    createTrustedProxies(proxies);
  } catch {
    reader.wrong(
      "trustedProxies",
      reader.text("trustedProxies")!,
      "addresses and networks such as 192.0.2.1 or 10.0.0.0/8, or unix, with commas",
    );
  }
  return proxies;
}
