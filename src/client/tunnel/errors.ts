import { Code, type ConnectError } from "@connectrpc/connect";
import { codeFromHttpStatus } from "@connectrpc/connect/protocol-connect";
import { defineError } from "../../errors/define.js";
import { closeCodes } from "../../protocol/close-codes.js";
import { defineTunnelFault } from "../../protocol/errors.js";

/**
 * The server closed the tunnel with a close code from 4001 to 4016: its error in the call.
 *
 * Remedy: Look the text up in this page.
 */
export const serverError = defineError(Code.Unknown, "<reason>");

/**
 * The server stops, and closed the tunnel with 1001.
 *
 * Remedy: None needed: subscriptions and publishers connect again.
 */
export const goingAway = defineError(Code.Unavailable, "the server is going away<said>");

/**
 * The server closed the tunnel with 1002, 1003 or 1007.
 *
 * Remedy: Report it. Look for a proxy that changes WebSocket messages.
 */
export const tunnelRefused = defineError(
  Code.Internal,
  "the server rejected the tunnel's messages<said>",
);

/**
 * The opening message did not reach the server in time; it closed the tunnel with 1008.
 *
 * Remedy: Try again.
 */
export const callLate = defineError(
  Code.Unavailable,
  "the server waited too long for the call<said>",
);

/**
 * The server closed the tunnel with 1009.
 *
 * Remedy: Send smaller messages, and fewer headers.
 */
export const messageTooBig = defineError(
  Code.ResourceExhausted,
  "a message is too big for the server<said>",
);

/**
 * The server closed the tunnel with 1011.
 *
 * Remedy: Report it: the server log has the reason.
 */
export const serverFailed = defineError(Code.Internal, "the server failed<said>");

/**
 * The WebSocket was cut (1006), or closed with another code.
 *
 * Remedy: None needed: subscriptions and publishers connect again.
 */
export const tunnelCut = defineError(
  Code.Unavailable,
  "the connection ended (<closeCode>) before the response did<said>",
);

/**
 * The server or a proxy refused the handshake, or nothing answers. The code is by the status.
 *
 * Remedy: Check the URL, and that a proxy passes `Upgrade` on, see [proxies.md](proxies.md).
 */
export const notOpened = defineError(
  Code.Unavailable,
  "could not open a WebSocket to <url><reason>",
);

/**
 * Something other than Chatter answers the WebSocket.
 *
 * Remedy: Check the URL.
 */
export const tunnelNotSpoken = defineError(
  Code.Unimplemented,
  "the server does not speak <protocol>",
);

/**
 * A message of the server is wrong, or came in the wrong order.
 *
 * Remedy: Report it. Look for a proxy that changes WebSocket messages.
 */
export const serverBrokeOrder = defineError(
  Code.Internal,
  "the server broke the tunnel's order: <fault>",
);

/**
 * The server sent a second opening message, or more after the end.
 *
 * Remedy: Report it. Look for a proxy that changes WebSocket messages.
 */
export const orderOfMessages = defineTunnelFault(
  closeCodes.brokenOrder,
  "one opening message comes first, one end last",
);

/**
 * The server sent body too early, or more than it was given credit for.
 *
 * Remedy: Report it. Look for a proxy that changes WebSocket messages.
 */
export const bodyBeyondCredit = defineTunnelFault(
  closeCodes.brokenOrder,
  "body comes after the opening message, within the credit",
);

/**
 * The caller stopped reading the response.
 *
 * Remedy: None needed.
 */
export const responseUnwanted = defineError(Code.Canceled, "the response is not wanted");

/**
 * Not even heartbeats came; the connection is probably dead.
 *
 * Remedy: None needed: subscriptions and publishers connect again.
 */
export const tunnelSilent = defineError(
  Code.Unavailable,
  "no sign of life from the server for <seconds> s",
);

/**
 * `useHttpGet` is set in a transport that uses the tunnel.
 *
 * Remedy: Leave `useHttpGet` out.
 */
export const onlyPost = defineError(Code.Unimplemented, "the tunnel carries POST requests only");

/**
 * The caller's signal was aborted, or the caller stopped reading.
 *
 * Remedy: None needed.
 */
export const callCancelled = defineError(Code.Canceled, "the call was cancelled");

/** What an "error" event says: nothing in browsers, a reason with `ws` in Node. */
export interface SocketErrorEvent {
  readonly message?: string;
  readonly error?: unknown;
}

/**
 * The error of a call whose socket was closed before its response was complete.
 *
 * `unavailable` if another attempt may succeed: a cut connection, a server that stops, a close
 * without a reason. If the server blames this client, it is `internal`, because a correct client
 * does not do that.
 *
 * @param headers those of the response, if they came: they are the error's metadata, as with an
 * error in the response itself
 */
export function errorFromClose(code: number, reason: string, headers?: Headers): ConnectError {
  const said = reason === "" ? "" : `: ${reason}`;
  const connectCode = code - closeCodes.connect;
  if (connectCode >= Code.Canceled && connectCode <= Code.Unauthenticated) {
    return serverError({ reason, code: connectCode, metadata: headers });
  }
  switch (code) {
    case closeCodes.shutdown:
      return goingAway({ said });
    case closeCodes.brokenOrder:
    case closeCodes.wrongKind:
    case closeCodes.badText:
      return tunnelRefused({ said });
    case closeCodes.openingLate:
      return callLate({ said });
    case closeCodes.tooBig:
      return messageTooBig({ said });
    case closeCodes.failed:
      return serverFailed({ said });
    default:
      return tunnelCut({ closeCode: code, said });
  }
}

/**
 * The error of a call whose socket did not open: derived from the HTTP status of the refusal if
 * that is known, else `unavailable`.
 */
export function errorFromRefusal(url: URL, event: SocketErrorEvent | undefined): ConnectError {
  const status = /^Unexpected server response: (\d{3})$/.exec(event?.message ?? "")?.[1];
  const code = status === undefined ? Code.Unavailable : codeFromHttpStatus(Number(status));
  const reason = status === undefined ? reasonOf(event) : `HTTP ${status}`;
  return notOpened({
    url: `${url.protocol}//${url.host}${url.pathname}`,
    reason: reason === "" ? "" : `: ${reason}`,
    code,
    cause: event?.error,
  });
}

function reasonOf(event: SocketErrorEvent | undefined): string {
  // For a name with several addresses, Node's error has a code, but no message.
  const code = (event?.error as { code?: unknown } | undefined)?.code;
  return event?.message || (typeof code === "string" ? code : "");
}
