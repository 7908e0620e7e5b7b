import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromHttpStatus } from "@connectrpc/connect/protocol-connect";
import { closeCodes } from "./tunnel-wire.js";

/** What of an "error" event can be told: nothing in browsers, a reason with `ws` in Node. */
export interface SocketErrorEvent {
  readonly message?: string;
  readonly error?: unknown;
}

/**
 * The error of a call whose socket was closed before its response was whole.
 *
 * `unavailable` for what may be tried again: a cut, a server that stops, a closing that
 * says nothing. What the server held against this client is `internal`, for a client of
 * this wire does not do it.
 */
export function errorFromClose(code: number, reason: string): ConnectError {
  const said = reason === "" ? "" : `: ${reason}`;
  const connectCode = code - closeCodes.connect;
  if (connectCode >= Code.Canceled && connectCode <= Code.Unauthenticated) {
    return new ConnectError(reason, connectCode);
  }
  switch (code) {
    case closeCodes.shutdown:
      return new ConnectError(`the server is going away${said}`, Code.Unavailable);
    case closeCodes.brokenOrder:
    case closeCodes.wrongKind:
    case closeCodes.badText:
      return new ConnectError(`the server takes this for no tunnel${said}`, Code.Internal);
    case closeCodes.headLate:
      return new ConnectError(`the server waited too long for the call${said}`, Code.Unavailable);
    case closeCodes.tooBig:
      return new ConnectError(`a message is too big for the server${said}`, Code.ResourceExhausted);
    case closeCodes.failed:
      return new ConnectError(`the server failed${said}`, Code.Internal);
    default:
      return new ConnectError(
        `the connection ended (${code}) before the response did${said}`,
        Code.Unavailable,
      );
  }
}

/**
 * The error of a call whose socket did not open: by the HTTP status of the refusal where it
 * is known, else `unavailable`.
 */
export function errorFromRefusal(url: URL, event: SocketErrorEvent | undefined): ConnectError {
  const status = /^Unexpected server response: (\d{3})$/.exec(event?.message ?? "")?.[1];
  const code = status === undefined ? Code.Unavailable : codeFromHttpStatus(Number(status));
  const reason = status === undefined ? reasonOf(event) : `HTTP ${status}`;
  const text = `could not open a WebSocket to ${url.protocol}//${url.host}${url.pathname}`;
  return new ConnectError(
    reason === "" ? text : `${text}: ${reason}`,
    code,
    undefined,
    undefined,
    event?.error,
  );
}

function reasonOf(event: SocketErrorEvent | undefined): string {
  // For a name with several addresses node's error has a code, but no message.
  const code = (event?.error as { code?: unknown } | undefined)?.code;
  return event?.message || (typeof code === "string" ? code : "");
}
