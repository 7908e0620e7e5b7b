import { Code, type ConnectError } from "@connectrpc/connect";
import { chatterHeader } from "../protocol/headers.js";

/**
 * The codes of errors that another attempt cannot avoid, if Chatter itself sends them: in the
 * protocol's own form of an error, in a response that has its header `chatter-server`. Everything
 * else is retried, even an HTTP status alone: an error must be known to be final, because a cut
 * connection, and proxies in between, can look like anything.
 *
 * `unauthenticated` is final when a renewed token was refused too, and `unimplemented` only before
 * the server has ever answered: later it comes from a proxy that has no server now.
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
 * Whether a call that failed like this would fail again.
 *
 * @param wasLive whether the server has accepted such a call before
 */
export function isFinal(error: ConnectError, wasLive: boolean): boolean {
  const isCertain = decided.has(error) || isFromChatter(error);
  return isCertain && finalCodes.has(error.code) && !(error.code === Code.Unimplemented && wasLive);
}

/** Errors that were made on this side, by code that knows that another attempt would not help. */
const decided = new WeakSet<ConnectError>();

/** The same error, which is final if its code is: it need not come from a server. */
export function asDecided(error: ConnectError): ConnectError {
  decided.add(error);
  return error;
}

/** Whether it is an error of Chatter itself. */
export function isFromChatter(error: ConnectError): boolean {
  // An error in the protocol's own form has the headers of its response, and its trailers, as
  // metadata. One that was made on this side, for example because a body broke off, has none.
  return error.metadata.has(chatterHeader) && !isStatusAlone(error);
}

/** Whether Connect made the error from an HTTP status, because the answer had no error in it. */
export function isStatusAlone({ rawMessage }: ConnectError): boolean {
  return /^HTTP \d{3}$/.test(rawMessage);
}
