/** Why a socket was closed. Codes from 4000 are 4000 and the number of a Connect code. */
export const closeCodes = {
  /** The response is whole, also if it is an error: the end of the stream says so. */
  done: 1000,
  /** The server is shutting down. */
  shutdown: 1001,
  /** Broken order, or an invalid control message. */
  brokenOrder: 1002,
  /** Text or binary where the other is due. */
  wrongKind: 1003,
  /** No close frame came (never sent, only reported). */
  cut: 1006,
  /** A text that is not UTF-8. */
  badText: 1007,
  /** The client's opening message did not come in time. */
  openingLate: 1008,
  /** A message, the opening one too, that is too big. */
  tooBig: 1009,
  /** The handler failed: a fault of the server. */
  failed: 1011,
  /** To be added to the number of a Connect code: 4001 is a client that cancels. */
  connect: 4000,
  /** The client cancels its call. */
  canceled: 4001,
} as const;
