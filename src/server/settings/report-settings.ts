import type { SettingTable } from "./setting.js";
import type { SettingReader } from "./setting-reader.js";

/** What the server tells of itself. */
export const reportSettings = {
  logLevel: {
    flag: "--log-level <level>",
    variable: "CHATTER_LOG_LEVEL",
    description: "what is told on standard error: silent, error, warn or info (a line a call)",
    default: "info",
  },
  reflection: {
    flag: "--reflection <on|off>",
    variable: "CHATTER_REFLECTION",
    description: "whether anyone may ask for the schema, as buf curl and grpcurl do",
    default: "on",
  },
} as const satisfies SettingTable;

const logLevels = ["silent", "error", "warn", "info"] as const;

export interface ReportSettings {
  readonly logLevel: (typeof logLevels)[number];
  readonly reflection: boolean;
}

/** Throws a `SettingError` for the first that is wrong. */
export function readReportSettings(reader: SettingReader<typeof reportSettings>): ReportSettings {
  return {
    logLevel: reader.oneOf("logLevel", logLevels),
    reflection: reader.oneOf("reflection", ["on", "off"], "on or off") === "on",
  };
}
