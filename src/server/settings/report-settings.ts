import type { SettingTable } from "./setting.js";
import type { SettingReader } from "./setting-reader.js";

/** Settings of the server log, metrics and reflection. */
export const reportSettings = {
  logLevel: {
    flag: "--log-level <level>",
    variable: "CHATTER_LOG_LEVEL",
    description: "what the server log contains: silent, error, warn or info (a line per call)",
    default: "info",
  },
  metricsAddress: {
    flag: "--metrics-address <host:port>",
    variable: "CHATTER_METRICS_ADDRESS",
    description:
      "serve /metrics, /livez and /readyz on this address, to anyone (default: on the port of " +
      "the calls, /metrics to this machine only)",
  },
  reflection: {
    flag: "--reflection <on|off>",
    variable: "CHATTER_REFLECTION",
    description: "whether anyone may request the schema, as buf curl and grpcurl do",
    default: "on",
  },
} as const satisfies SettingTable;

const logLevels = ["silent", "error", "warn", "info"] as const;

export interface ReportSettings {
  readonly logLevel: (typeof logLevels)[number];
  /** Undefined: metrics are on the port of the calls. */
  readonly metricsAddress: { readonly host: string; readonly port: number } | undefined;
  readonly reflection: boolean;
}

/** Throws a `UsageError` for the first that is wrong. */
export function readReportSettings(reader: SettingReader<typeof reportSettings>): ReportSettings {
  return {
    logLevel: reader.oneOf("logLevel", logLevels),
    metricsAddress: addressOf(reader),
    reflection: reader.oneOf("reflection", ["on", "off"], "on or off") === "on",
  };
}

function addressOf(reader: SettingReader<typeof reportSettings>): ReportSettings["metricsAddress"] {
  const text = reader.text("metricsAddress");
  if (text === undefined) {
    return undefined;
  }
  const [, ipv6, name, port = ""] = /^(?:\[([\da-f:]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = ipv6 ?? name;
  return host === undefined || Number(port) > 65_535
    ? reader.wrong("metricsAddress", text, "host:port, such as 127.0.0.1:9090 or [::]:9090")
    : { host, port: Number(port) };
}
