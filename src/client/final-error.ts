import { Code, type ConnectError } from "@connectrpc/connect";
import { chatterHeader } from "../protocol/headers.js";

/**
 * The codes that a try again does not help against, if it is Chatter that says so: in the
 * protocol's own form of an error, in a response that has its header `chatter-server`.
 * Everything else is retried, an HTTP status alone too: what is final must be known to be, for
 * a cut connection has many faces, and so has what stands in between.
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
  const isCertain = decided.has(error) || isFromChatter(error);
  return isCertain && finalCodes.has(error.code) && !(error.code === Code.Unimplemented && wasLive);
}

/** Errors that were made on this side, by who knows that a try again would not help. */
const decided = new WeakSet<ConnectError>();

/** The same error, which is final if its code is: no server need have said so. */
export function asDecided(error: ConnectError): ConnectError {
  decided.add(error);
  return error;
}

/** Whether it is the error of Chatter itself. */
export function isFromChatter(error: ConnectError): boolean {
  // An error in the protocol's own form has the headers of its response, and its trailers, as
  // metadata. One that was made on this side, say of a body that breaks off, has none.
  return error.metadata.has(chatterHeader) && !isStatusAlone(error);
}

/** Whether Connect made the error of an HTTP status, for the answer had no error in it. */
export function isStatusAlone({ rawMessage }: ConnectError): boolean {
  return /^HTTP \d{3}$/.test(rawMessage);
}
