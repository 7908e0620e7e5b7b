/** Why a socket was closed. Codes from 4000 are 4000 plus the number of a Connect code. */
export const closeCodes = {
  /** The response is complete, even if it is an error: the end of the stream says so. */
  done: 1000,
  /** The server is shutting down. */
  shutdown: 1001,
  /** Messages in the wrong order, or an invalid control message. */
  brokenOrder: 1002,
  /** Text where binary is due, or the other way round. */
  wrongKind: 1003,
  /** No close frame came (never sent, only reported). */
  cut: 1006,
  /** A text that is not UTF-8. */
  badText: 1007,
  /** The client's opening message did not come in time. */
  openingLate: 1008,
  /** A message, or the opening message, that is too large. */
  tooBig: 1009,
  /** The handler failed: a fault of the server. */
  failed: 1011,
  /** Added to the number of a Connect code: 4001 is a client that cancels. */
  connect: 4000,
  /** The client cancels its call. */
  canceled: 4001,
} as const;
