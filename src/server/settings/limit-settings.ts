import { defaultLimits, type Limits } from "../limits/limits.js";
import type { SettingTable } from "./setting.js";
import type { SettingReader } from "./setting-reader.js";

const seconds = (ms: number) => String(ms / 1000);

/** How much of anything one peer may have. */
export const limitSettings = {
  maxTextBytes: {
    flag: "--max-text-bytes <bytes>",
    variable: "CHATTER_MAX_TEXT_BYTES",
    description: "longest text that can be posted, in bytes of UTF-8",
    default: String(defaultLimits.maxTextBytes),
  },
  maxMessageBytes: {
    flag: "--max-message-bytes <bytes>",
    variable: "CHATTER_MAX_MESSAGE_BYTES",
    description: "longest message on the wire: a text in JSON can take six times its bytes",
    default: String(defaultLimits.maxMessageBytes),
  },
  maxHeaderBytes: {
    flag: "--max-header-bytes <bytes>",
    variable: "CHATTER_MAX_HEADER_BYTES",
    description: "longest head of a request",
    default: String(defaultLimits.maxHeaderBytes),
  },
  maxConnectionStreams: {
    flag: "--max-connection-streams <count>",
    variable: "CHATTER_MAX_CONNECTION_STREAMS",
    description: "most open streams of one HTTP/2 connection",
    default: String(defaultLimits.maxConnectionStreams),
  },
  maxAddressConnections: {
    flag: "--max-address-connections <count>",
    variable: "CHATTER_MAX_ADDRESS_CONNECTIONS",
    description: "most open connections of one address; 0 is off",
    default: String(defaultLimits.maxAddressConnections),
  },
  maxUserStreams: {
    flag: "--max-user-streams <count>",
    variable: "CHATTER_MAX_USER_STREAMS",
    description: "most open streams of one user; 0 is off",
    default: String(defaultLimits.maxUserStreams),
  },
  maxUserMessages: {
    flag: "--max-user-messages <count>",
    variable: "CHATTER_MAX_USER_MESSAGES",
    description: "most messages that one user may post in a second; 0 is off",
    default: String(defaultLimits.maxUserMessages),
  },
  maxLoginAttempts: {
    flag: "--max-login-attempts <count>",
    variable: "CHATTER_MAX_LOGIN_ATTEMPTS",
    description: "most failed logins of one address and user name in a minute; 0 is off",
    default: String(defaultLimits.maxLoginAttempts),
  },
  requestTimeout: {
    flag: "--request-timeout <seconds>",
    variable: "CHATTER_REQUEST_TIMEOUT",
    description: "what a request's head may take, and the message of a call that takes one",
    default: seconds(defaultLimits.requestTimeoutMs),
  },
  firstMessageTimeout: {
    flag: "--first-message-timeout <seconds>",
    variable: "CHATTER_FIRST_MESSAGE_TIMEOUT",
    description: "what a posting stream may take for its first message; 0 is off",
    default: seconds(defaultLimits.firstMessageTimeoutMs),
  },
  uploadIdleTimeout: {
    flag: "--upload-idle-timeout <seconds>",
    variable: "CHATTER_UPLOAD_IDLE_TIMEOUT",
    description: "what a posting stream may take for each further message; 0 is off",
    default: seconds(defaultLimits.uploadIdleTimeoutMs),
  },
  maxStreamAge: {
    flag: "--max-stream-age <seconds>",
    variable: "CHATTER_MAX_STREAM_AGE",
    description: "age at which a stream is ended, within 10 %; 0 is off",
    default: seconds(defaultLimits.maxStreamAgeMs),
  },
  maxConnectionAge: {
    flag: "--max-connection-age <seconds>",
    variable: "CHATTER_MAX_CONNECTION_AGE",
    description: "age at which a connection takes no more calls, within 10 %; 0 is off",
    default: seconds(defaultLimits.maxConnectionAgeMs),
  },
} as const satisfies SettingTable;

export type LimitSettings = Omit<Limits, "onRefused">;

const week = 7 * 86_400;

/** Throws a `SettingError` for the first that is wrong. */
export function readLimitSettings(reader: SettingReader<typeof limitSettings>): LimitSettings {
  return {
    maxTextBytes: reader.count("maxTextBytes", 1, 65_536)!,
    maxMessageBytes: reader.count("maxMessageBytes", 1024, 512 * 1024)!,
    maxHeaderBytes: reader.count("maxHeaderBytes", 1024, 1024 * 1024)!,
    maxConnectionStreams: reader.count("maxConnectionStreams", 1, 1_000_000)!,
    maxAddressConnections: reader.count("maxAddressConnections", 0, 1_000_000)!,
    maxUserStreams: reader.count("maxUserStreams", 0, 10_000_000)!,
    maxUserMessages: reader.count("maxUserMessages", 0, 10_000_000)!,
    maxLoginAttempts: reader.count("maxLoginAttempts", 0, 1_000_000)!,
    requestTimeoutMs: reader.milliseconds("requestTimeout", 1, 3600)!,
    firstMessageTimeoutMs: reader.milliseconds("firstMessageTimeout", 0, week)!,
    uploadIdleTimeoutMs: reader.milliseconds("uploadIdleTimeout", 0, week)!,
    maxStreamAgeMs: reader.milliseconds("maxStreamAge", 0, week)!,
    maxConnectionAgeMs: reader.milliseconds("maxConnectionAge", 0, week)!,
  };
}
