import { Code, ConnectError } from "@connectrpc/connect";

/**
 * What a peer may know of an error: a ConnectError as it is, an abort as `canceled`,
 * anything else as "internal error", with the reason kept as the cause.
 */
export function asConnectError(reason: unknown): ConnectError {
  if (reason instanceof ConnectError) {
    return inOurWords(reason);
  }
  if (reason instanceof Error && reason.name === "AbortError") {
    return new ConnectError("the call was cancelled", Code.Canceled, undefined, undefined, reason);
  }
  return new ConnectError("internal error", Code.Internal, undefined, undefined, reason);
}

/** What Connect's pipeline says of a message, in words that its sender can use. */
function inOurWords(error: ConnectError): ConnectError {
  const { code, rawMessage } = error;
  if (code === Code.Internal && rawMessage.startsWith("parse binary: ")) {
    const reason = rawMessage.replace("parse binary: ", "");
    return new ConnectError(`the message cannot be read: ${reason}`, Code.InvalidArgument);
  }
  const limit = /larger than configured readMaxBytes (\d+)/.exec(rawMessage)?.[1];
  if (code === Code.ResourceExhausted && limit !== undefined) {
    const bytes = Number(limit).toLocaleString("en");
    return new ConnectError(`a message has at most ${bytes} bytes on the wire`, code);
  }
  return error;
}

/** In characters: what a client sent may be quoted, a header for instance. */
const maxReasonLength = 1_000;

/**
 * What an error says, for logs and traces: what readers of JSON say goes on with a piece of the
 * message, which only its sender may see.
 */
export function reasonOf({ rawMessage }: ConnectError): string {
  return cutReason(rawMessage.replace(/^(cannot decode .*? from JSON): .*/s, "$1"));
}

/** No longer than a line of the log should be. */
export function cutReason(reason: string): string {
  return reason.length > maxReasonLength ? `${reason.slice(0, maxReasonLength)}…` : reason;
}

/** What a call ends with if nobody takes its answer any more. */
export function clientLeftError(): ConnectError {
  return new ConnectError("the client left", Code.Canceled);
}

const stopping = new ConnectError("the server is stopping", Code.Unavailable);

/** What every stream ends with when the server stops: always the same object. */
export function stoppingError(): ConnectError {
  return stopping;
}
