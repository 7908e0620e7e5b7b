import { defaultLimits, type Limits } from "../limits/limits.js";
import type { SettingTable } from "./setting.js";
import type { SettingReader } from "./setting-reader.js";

const seconds = (ms: number) => String(ms / 1000);

/** Limits on what one peer may use. */
export const limitSettings = {
  maxTextBytes: {
    flag: "--max-text-bytes <bytes>",
    variable: "CHATTER_MAX_TEXT_BYTES",
    description: "maximum length of a posted text, in bytes of UTF-8",
    default: String(defaultLimits.maxTextBytes),
  },
  maxMessageBytes: {
    flag: "--max-message-bytes <bytes>",
    variable: "CHATTER_MAX_MESSAGE_BYTES",
    description:
      "maximum size of a message on the wire: a text in JSON can take six times its bytes",
    default: String(defaultLimits.maxMessageBytes),
  },
  maxHeaderBytes: {
    flag: "--max-header-bytes <bytes>",
    variable: "CHATTER_MAX_HEADER_BYTES",
    description: "maximum size of a request's headers",
    default: String(defaultLimits.maxHeaderBytes),
  },
  maxConnectionStreams: {
    flag: "--max-connection-streams <count>",
    variable: "CHATTER_MAX_CONNECTION_STREAMS",
    description: "maximum number of open streams per HTTP/2 connection",
    default: String(defaultLimits.maxConnectionStreams),
  },
  maxAddressConnections: {
    flag: "--max-address-connections <count>",
    variable: "CHATTER_MAX_ADDRESS_CONNECTIONS",
    description: "maximum number of open connections per address; 0 is off",
    default: String(defaultLimits.maxAddressConnections),
  },
  maxUserStreams: {
    flag: "--max-user-streams <count>",
    variable: "CHATTER_MAX_USER_STREAMS",
    description: "maximum number of open streams per user; 0 is off",
    default: String(defaultLimits.maxUserStreams),
  },
  maxUserMessages: {
    flag: "--max-user-messages <count>",
    variable: "CHATTER_MAX_USER_MESSAGES",
    description: "maximum number of messages per second that one user may post; 0 is off",
    default: String(defaultLimits.maxUserMessages),
  },
  maxLoginAttempts: {
    flag: "--max-login-attempts <count>",
    variable: "CHATTER_MAX_LOGIN_ATTEMPTS",
    description:
      "maximum number of failed logins per minute for one address and user name; 0 is off",
    default: String(defaultLimits.maxLoginAttempts),
  },
  maxAddressLoginAttempts: {
    flag: "--max-address-login-attempts <count>",
    variable: "CHATTER_MAX_ADDRESS_LOGIN_ATTEMPTS",
    description:
      "maximum number of failed logins per minute for one address over all user names; 0 is off",
    default: String(defaultLimits.maxAddressLoginAttempts),
  },
  maxUnreadBytes: {
    flag: "--max-unread-bytes <bytes>",
    variable: "CHATTER_MAX_UNREAD_BYTES",
    description:
      "maximum number of bytes received but not yet processed; one user may hold three quarters",
    default: String(defaultLimits.maxUnreadBytes),
  },
  requestTimeout: {
    flag: "--request-timeout <seconds>",
    variable: "CHATTER_REQUEST_TIMEOUT",
    description:
      "how long a request's headers may take to arrive, and the message of a call with only one",
    default: seconds(defaultLimits.requestTimeoutMs),
  },
  firstMessageTimeout: {
    flag: "--first-message-timeout <seconds>",
    variable: "CHATTER_FIRST_MESSAGE_TIMEOUT",
    description: "how long a posting stream may take to send its first message; 0 is off",
    default: seconds(defaultLimits.firstMessageTimeoutMs),
  },
  uploadIdleTimeout: {
    flag: "--upload-idle-timeout <seconds>",
    variable: "CHATTER_UPLOAD_IDLE_TIMEOUT",
    description: "how long a posting stream may take to send each further message; 0 is off",
    default: seconds(defaultLimits.uploadIdleTimeoutMs),
  },
  maxStreamAge: {
    flag: "--max-stream-age <seconds>",
    variable: "CHATTER_MAX_STREAM_AGE",
    description: "age at which the server ends a stream, within 10 %; 0 is off",
    default: seconds(defaultLimits.maxStreamAgeMs),
  },
  maxConnectionAge: {
    flag: "--max-connection-age <seconds>",
    variable: "CHATTER_MAX_CONNECTION_AGE",
    description: "age at which a connection accepts no more calls, within 10 %; 0 is off",
    default: seconds(defaultLimits.maxConnectionAgeMs),
  },
} as const satisfies SettingTable;

export type LimitSettings = Omit<Limits, "onRefused">;

const week = 7 * 86_400;

/** Throws a `UsageError` for the first that is wrong. */
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
    maxAddressLoginAttempts: reader.count("maxAddressLoginAttempts", 0, 1_000_000)!,
    maxUnreadBytes: reader.count("maxUnreadBytes", 8 * 1024 * 1024, 2 ** 40)!,
    requestTimeoutMs: reader.milliseconds("requestTimeout", 1, 3600)!,
    firstMessageTimeoutMs: reader.milliseconds("firstMessageTimeout", 0, week)!,
    uploadIdleTimeoutMs: reader.milliseconds("uploadIdleTimeout", 0, week)!,
    maxStreamAgeMs: reader.milliseconds("maxStreamAge", 0, week)!,
    maxConnectionAgeMs: reader.milliseconds("maxConnectionAge", 0, week)!,
  };
}
