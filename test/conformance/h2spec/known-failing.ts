/* What Chatter fails of h2spec, and why. A run fails if this list is out of date. */

export interface KnownFailure {
  /** As in `CaseResult`. */
  readonly cases: readonly string[];
  readonly reason: string;
  /** Where Chatter fails. Default: on both kinds of connection. */
  readonly only?: "cleartext" | "TLS";
  /** Whether Chatter fails it each time, or by chance. Default: each time. */
  readonly isByChance?: true;
  /** Whether a plain server of `node:http2` passes. Default: it fails each time. */
  readonly passesOnNode?: true;
}

export const knownFailures: readonly KnownFailure[] = [
  {
    cases: [
      "http2/5.1 closed: Sends a DATA frame after sending RST_STREAM frame",
      "http2/5.1 closed: Sends a HEADERS frame after sending RST_STREAM frame",
      "http2/5.1 closed: Sends a DATA frame",
      "http2/5.1 closed: Sends a HEADERS frame",
    ],
    reason:
      "nghttp2, which Node uses, ignores frames on a closed stream. RFC 7540 requires an error; RFC 9113 (5.1) allows both.",
  },
  {
    cases: ["http2/5.1.1 Sends stream identifier that is numerically smaller than previous"],
    reason:
      "nghttp2 ignores such a request as a frame on a closed stream: opening a stream closes all lower ones that are idle (RFC 9113, 5.1.1). The same section requires an error.",
  },
  {
    cases: ["http2/6.7 Sends a PING frame with ACK"],
    reason:
      "Node ends a session that acknowledges a PING which was not sent. The case expects an answer to the next PING: Chatter ends the session a turn later than Node, and answers if both frames come together.",
    isByChance: true,
  },
  {
    cases: ["http2/3.5 Sends invalid connection preface"],
    reason:
      "without TLS, one port serves HTTP/1.1 and HTTP/2. What is not HTTP/2's preface is HTTP/1.1: a malformed request, which gets 400 before the connection is closed. The case expects a close without an answer.",
    only: "cleartext",
    passesOnNode: true,
  },
];
