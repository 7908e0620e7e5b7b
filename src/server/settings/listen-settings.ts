import { createOriginCheck } from "../websocket/origin.js";
import type { SettingTable } from "./setting.js";
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
  allowedOrigins: {
    flag: "--allowed-origins <list>",
    variable: "CHATTER_ALLOWED_ORIGINS",
    description:
      "web pages of other hosts that may open WebSockets: https://app.example,https://… (default: none)",
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
  readonly allowedOrigins: readonly string[];
  /** Milliseconds. */
  readonly shutdownGraceMs: number;
}

/** Throws a `SettingError` for the first that is wrong. */
export function readListenSettings(reader: SettingReader<typeof listenSettings>): ListenSettings {
  return {
    host: reader.text("host")!,
    port: reader.count("port", 0, 65_535)!,
    allowedOrigins: originsOf(reader),
    shutdownGraceMs: reader.milliseconds("shutdownGrace", 0, 3600)!,
  };
}

function originsOf(reader: SettingReader<typeof listenSettings>): readonly string[] {
  const origins = reader.list("allowedOrigins");
  try {
    createOriginCheck(origins);
  } catch {
    reader.wrong(
      "allowedOrigins",
      reader.text("allowedOrigins")!,
      "origins such as https://app.example:8443, with commas",
    );
  }
  return origins;
}
