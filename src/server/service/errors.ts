import { Code, ConnectError } from "@connectrpc/connect";

/**
 * What a peer may know of an error: a ConnectError as it is, an abort as `canceled`,
 * anything else as "internal error", with the reason kept as the cause.
 */
export function asConnectError(reason: unknown): ConnectError {
  if (reason instanceof ConnectError) {
    return isUnreadable(reason) ? unreadable(reason) : reason;
  }
  if (reason instanceof Error && reason.name === "AbortError") {
    return new ConnectError("the call was cancelled", Code.Canceled, undefined, undefined, reason);
  }
  return new ConnectError("internal error", Code.Internal, undefined, undefined, reason);
}

/** Connect takes a message that it cannot read for a fault of the server. */
function isUnreadable({ code, rawMessage }: ConnectError): boolean {
  return code === Code.Internal && rawMessage.startsWith("parse binary: ");
}

function unreadable({ rawMessage }: ConnectError): ConnectError {
  const reason = rawMessage.replace("parse binary: ", "");
  return new ConnectError(`the message cannot be read: ${reason}`, Code.InvalidArgument);
}

const stopping = new ConnectError("the server is stopping", Code.Unavailable);

/** What every stream ends with when the server stops: always the same object. */
export function stoppingError(): ConnectError {
  return stopping;
}
