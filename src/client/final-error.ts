import { Code, type ConnectError } from "@connectrpc/connect";

/**
 * The codes that a try again does not help against. Everything else is retried: what is
 * final must be known to be, for a cut connection has many faces.
 *
 * `unauthenticated` is among them when a renewed token was refused too, and `unimplemented`
 * only before the server has ever answered: later it is a proxy that has no server now.
 */
export const finalCodes: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.OutOfRange,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.Unimplemented,
  Code.DataLoss,
]);

/**
 * Whether a call that failed so would fail again.
 *
 * @param wasLive whether the server has accepted such a call before
 */
export function isFinal(error: ConnectError, wasLive: boolean): boolean {
  switch (error.code) {
    case Code.InvalidArgument:
      return cameFromServer(error);
    case Code.Unimplemented:
      return !wasLive;
    default:
      return finalCodes.has(error.code);
  }
}

/**
 * A body that breaks off in the middle is `invalid_argument` to Connect's decoder, though
 * no argument was wrong. An error that the server sent has the response's headers or
 * trailers as metadata; one that was made on this side has none.
 */
function cameFromServer(error: ConnectError): boolean {
  return !error.metadata.keys().next().done;
}
