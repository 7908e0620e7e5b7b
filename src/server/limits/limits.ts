/** What a server allows. A limit of 0 is off where its line says so. Times in milliseconds. */
export interface Limits {
  /** Bytes of UTF-8 in a text, 1 to 65,536. Default: 65,536. */
  readonly maxTextBytes: number;
  /** Bytes of one message on the wire, 1,024 to 524,288. Default: 524,288. */
  readonly maxMessageBytes: number;
  /** Bytes of a request's headers, names and values. Default: 16,384. */
  readonly maxHeaderBytes: number;
  /**
   * Streams that one HTTP/2 connection may have open; 100 before a valid token. Default: 20,000.
   */
  readonly maxConnectionStreams: number;
  /** Connections that one address may have open; 0 is off. Default: 20,000. */
  readonly maxAddressConnections: number;
  /** Streams that one user may have open; 0 is off. Default: 20,000. */
  readonly maxUserStreams: number;
  /** Messages that one user may post in a second; 0 is off. Default: 0. */
  readonly maxUserMessages: number;
  /** Failed logins for one address and user name in a minute; 0 is off. Default: 10. */
  readonly maxLoginAttempts: number;
  /**
   * Failed logins for one address over all user names in a minute, and logins of it that may be in
   * progress; 0 is off. For IPv6, a network of 64 bits is one address. Default: 100.
   */
  readonly maxAddressLoginAttempts: number;
  /**
   * Received bytes that are not processed yet, of all calls together, at least 8,388,608. A user
   * has three quarters of them; what comes without a valid token has the fourth, and one address an
   * eighth. Default: 134,217,728, which fits a machine of 512 MB.
   */
  readonly maxUnreadBytes: number;
  /**
   * How long a request's headers may take to arrive, and the one message of a call with only one,
   * in milliseconds. Default: 60,000.
   */
  readonly requestTimeoutMs: number;
  /** How long a posting stream may take to send its first message; 0 is off. Default: 3,600,000. */
  readonly firstMessageTimeoutMs: number;
  /** How long it may take to send each further message; 0 is off. Default: 3,600,000. */
  readonly uploadIdleTimeoutMs: number;
  /** Age at which a stream is ended, within 10 % of it; 0 is off. Default: 0. */
  readonly maxStreamAgeMs: number;
  /** Age at which a connection accepts no more calls, within 10 % of it; 0 is off. Default: 0. */
  readonly maxConnectionAgeMs: number;
  /** Called each time a limit refuses something. Default: nothing is called. */
  readonly onRefused: (limit: LimitName) => void;
}

/** The limits that refuse, as `onRefused` is called with them: few, so that they can be a label. */
export type LimitName =
  | "address_connections"
  | "user_streams"
  | "user_messages"
  | "login_attempts"
  | "address_login_attempts"
  | "login_queue"
  | "request_time"
  | "first_message_time"
  | "upload_idle_time"
  | "http2_flood"
  | "allowed_hosts"
  | "client_certificate"
  | "header_bytes"
  | "requests_ahead"
  | "unread_bytes"
  | "tunnel_credit"
  | "tunnel_blocked";

/** High enough that a load test by one user from one machine reaches none. */
export const defaultLimits: Limits = {
  maxTextBytes: 65_536,
  maxMessageBytes: 512 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxConnectionStreams: 20_000,
  maxAddressConnections: 20_000,
  maxUserStreams: 20_000,
  maxUserMessages: 0,
  maxLoginAttempts: 10,
  maxAddressLoginAttempts: 100,
  maxUnreadBytes: 128 * 1024 * 1024,
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
