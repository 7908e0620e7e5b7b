import { shortDedupeWindow, shortRetention } from "./errors.js";
import {
  isNatsAddress,
  type NatsSettings,
  type natsSettings,
  readNatsSettings,
} from "./nats-settings.js";
import type { SettingTable } from "./setting.js";
import type { SettingReader } from "./setting-reader.js";

/** Where messages are kept, and for how long. */
export const logSettings = {
  dataDir: {
    flag: "--data-dir <folder>",
    variable: "CHATTER_DATA_DIR",
    description: "folder of the embedded log; created if missing",
    default: "./data",
  },
  log: {
    flag: "--log <engine>",
    variable: "CHATTER_LOG",
    description:
      "where messages are kept: file (durable, in the data folder), memory (lost at exit), or " +
      "nats://host:4222[,…] (a JetStream stream that many servers share)",
    default: "file",
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
    description: "maximum number of message_ids that are remembered",
    default: "1000000",
  },
  retainSeconds: {
    flag: "--retain-seconds <seconds>",
    variable: "CHATTER_RETAIN_SECONDS",
    description: "remove messages older than this (default: keep all)",
  },
  retainMessages: {
    flag: "--retain-messages <count>",
    variable: "CHATTER_RETAIN_MESSAGES",
    description: "maximum number of messages; the oldest are removed (default: keep all)",
  },
  retainBytes: {
    flag: "--retain-bytes <bytes>",
    variable: "CHATTER_RETAIN_BYTES",
    description:
      "maximum number of stored bytes; the oldest messages are removed (default: keep all)",
  },
} as const satisfies SettingTable;

/** Times in milliseconds. */
export interface LogSettings {
  readonly dataDir: string;
  readonly engine: "file" | "memory" | "nats";
  /** For the engine "nats" alone. */
  readonly nats: NatsSettings | undefined;
  readonly dedupe: { readonly windowMs: number; readonly maxIds: number };
  readonly retention: {
    readonly maxAgeMs?: number;
    readonly maxMessages?: number;
    readonly maxBytes?: number;
  };
}

function readEngine(reader: SettingReader<typeof logSettings>): "file" | "memory" {
  const words = ["file", "memory", "level"] as const;
  const engine = reader.oneOf("log", words, "file, memory or nats://host:port");
  // The name of the engine for one machine when it was LevelDB.
  return engine === "level" ? "file" : engine;
}

/** Throws a `UsageError` for the first that is wrong. */
export function readLogSettings(
  reader: SettingReader<typeof logSettings>,
  natsReader: SettingReader<typeof natsSettings>,
): LogSettings {
  const log = reader.text("log")!;
  const nats = isNatsAddress(log) ? readNatsSettings(natsReader, log) : undefined;
  const windowMs = reader.milliseconds("dedupeWindow", 1, 7 * 86_400)!;
  if (nats !== undefined && windowMs <= nats.timeoutMs) {
    // A post is repeated for that long: a later attempt would be stored as another message.
    throw shortDedupeWindow();
  }
  const maxAgeMs = reader.milliseconds("retainSeconds", 1, 1e10);
  if (nats !== undefined && maxAgeMs !== undefined && maxAgeMs < windowMs) {
    throw shortRetention();
  }
  return {
    dataDir: reader.text("dataDir")!,
    engine: nats === undefined ? readEngine(reader) : "nats",
    nats,
    dedupe: {
      windowMs,
      maxIds: reader.count("dedupeMaxIds", 1, 100_000_000)!,
    },
    retention: {
      maxAgeMs,
      maxMessages: reader.count("retainMessages", 1, 1e15 - 1),
      maxBytes: reader.count("retainBytes", 1, 1e15 - 1),
    },
  };
}
