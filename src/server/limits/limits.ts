/** What a server allows. A limit of 0 is off where its line says so. Times in milliseconds. */
export interface Limits {
  /** Bytes of UTF-8 in a text, 1 to 65,536. Default: 65,536. */
  readonly maxTextBytes: number;
  /** Bytes of one message on the wire, 1,024 to 524,288. Default: 524,288. */
  readonly maxMessageBytes: number;
  /** Bytes of a request's headers, names and values. Default: 16,384. */
  readonly maxHeaderBytes: number;
  /** Streams that one HTTP/2 connection may have open. Default: 20,000. */
  readonly maxConnectionStreams: number;
  /** Connections that one address may have open; 0 is off. Default: 20,000. */
  readonly maxAddressConnections: number;
  /** Streams that one user may have open; 0 is off. Default: 20,000. */
  readonly maxUserStreams: number;
  /** Messages that one user may post in a second; 0 is off. Default: 0. */
  readonly maxUserMessages: number;
  /** Failed logins of one address and user name in a minute; 0 is off. Default: 10. */
  readonly maxLoginAttempts: number;
  /** What a request's head may take, and the one message of a call that takes one. Default: 60,000. */
  readonly requestTimeoutMs: number;
  /** What a posting stream may take for its first message; 0 is off. Default: 3,600,000. */
  readonly firstMessageTimeoutMs: number;
  /** What it may take for each further message; 0 is off. Default: 3,600,000. */
  readonly uploadIdleTimeoutMs: number;
  /** Age at which a stream is ended, within 10 % of it; 0 is off. Default: 0. */
  readonly maxStreamAgeMs: number;
  /** Age at which a connection takes no more calls, within 10 % of it; 0 is off. Default: 0. */
  readonly maxConnectionAgeMs: number;
  /** Told each time something is refused by a limit. Default: nobody. */
  readonly onRefused: (limit: LimitName) => void;
}

/** The limits that refuse, as `onRefused` is told them: few, so that they can be a label. */
export type LimitName =
  | "address_connections"
  | "user_streams"
  | "user_messages"
  | "login_attempts"
  | "request_time"
  | "first_message_time"
  | "upload_idle_time"
  | "http2_flood";

/** Wide enough that a load test by one user from one machine meets none. */
export const defaultLimits: Limits = {
  maxTextBytes: 65_536,
  maxMessageBytes: 512 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxConnectionStreams: 20_000,
  maxAddressConnections: 20_000,
  maxUserStreams: 20_000,
  maxUserMessages: 0,
  maxLoginAttempts: 10,
  requestTimeoutMs: 60_000,
  firstMessageTimeoutMs: 3_600_000,
  uploadIdleTimeoutMs: 3_600_000,
  maxStreamAgeMs: 0,
  maxConnectionAgeMs: 0,
  onRefused: () => {},
};

/** An age within 10 % of this one, so that what began together does not end together. */
export function withJitter(ageMs: number): number {
  return ageMs * (0.9 + 0.2 * Math.random());
}
