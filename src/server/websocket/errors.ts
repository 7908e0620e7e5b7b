import { Code } from "@connectrpc/connect";
import { defineError, defineFailure, defineKind } from "../../errors/define.js";
import { closeCodes } from "../../protocol/close-codes.js";
import { defineTunnelFault } from "../../protocol/errors.js";
import type { HttpAnswer } from "./http-answer.js";

/*
 * The errors that the two WebSocket dialects have besides those of every wire. An error's code is
 * seen as the close code 4000 plus the number of the code, unless it is stated otherwise.
 */

/** Defines why a handshake is refused. */
function defineHandshakeRefusal<const Text extends string>(status: number, text: Text) {
  const make = (text: string, { headers }: Pick<HttpAnswer, "headers">): HttpAnswer => ({
    status,
    headers,
    body: `${text}\n`,
  });
  return defineKind(text, { status }, make);
}

/**
 * An upgrade lacks a header of RFC 6455, or is not HTTP/1.1.
 *
 * Remedy: Use a WebSocket library. Look for a proxy that changes the handshake.
 */
export const notAHandshake = defineHandshakeRefusal(
  400,
  "this is not a handshake of WebSocket version 13",
);

/**
 * The tunnel was opened without its subprotocol.
 *
 * Remedy: Offer it in `Sec-WebSocket-Protocol`.
 */
export const subprotocolNotOffered = defineHandshakeRefusal(
  400,
  "offer the subprotocol <protocol>",
);

/**
 * A WebSocket of goa's dialect was opened with a subprotocol.
 *
 * Remedy: Leave `Sec-WebSocket-Protocol` out.
 */
export const noSubprotocol = defineHandshakeRefusal(
  400,
  "this endpoint has no subprotocol: offer none",
);

/**
 * A program that mounts Chatter got an `Upgrade` to another protocol.
 *
 * Remedy: Leave `Upgrade` out.
 */
export const otherUpgrade = defineHandshakeRefusal(400, "the only upgrade here is to websocket");

/**
 * A page of another origin, which `--allowed-origins` does not name, opens a WebSocket.
 *
 * Remedy: The operator adds the origin to `--allowed-origins`.
 */
export const foreignPage = defineHandshakeRefusal(403, "this origin may not open a WebSocket here");

/**
 * There is no WebSocket at this path.
 *
 * Remedy: Correct the path.
 */
export const unknownEndpoint = defineHandshakeRefusal(404, "no such endpoint");

/**
 * The handshake has another HTTP method.
 *
 * Remedy: Use the method that the text names.
 */
export const wrongHandshakeMethod = defineHandshakeRefusal(
  405,
  "this endpoint only accepts <method>",
);

/**
 * A WebSocket is opened while the server stops.
 *
 * Remedy: Connect again; another server, or the next one, answers.
 */
export const stoppingHandshake = defineHandshakeRefusal(503, "the server is stopping");

/**
 * The client sent something after its call had ended.
 *
 * Remedy: None needed.
 */
export const callOver = defineError(Code.Canceled, "the call is over");

/**
 * The handshake of goa's dialect was refused, so its call never began.
 *
 * Remedy: Look at the HTTP status of the handshake.
 */
export const callNotAccepted = defineError(Code.Canceled, "the call was not accepted");

/**
 * The connection ended without a close frame. Seen in the server log alone.
 *
 * Remedy: Connect again, and continue from the last cursor.
 */
export const connectionCut = defineError(
  Code.Canceled,
  "the connection broke before the call was over",
);

/**
 * The client closed the WebSocket. Seen in the server log alone.
 *
 * Remedy: None needed.
 */
export const socketClosed = defineError(
  Code.Canceled,
  "the client closed the socket before the call was over",
);

/**
 * A WebSocket message is longer than the server accepts. The close code is 1009.
 *
 * Remedy: Send shorter messages.
 */
export const largeFrame = defineError(Code.ResourceExhausted, "a message is too big");

/**
 * A text frame has invalid bytes. The close code is 1007.
 *
 * Remedy: Send UTF-8.
 */
export const malformedFrameText = defineError(
  Code.InvalidArgument,
  "a text message is not valid UTF-8",
);

/**
 * A frame breaks the WebSocket protocol (RFC 6455). The close code is 1002.
 *
 * Remedy: Use a WebSocket library that follows the RFC.
 */
export const malformedFrame = defineError(Code.InvalidArgument, "<fault>");

/**
 * A call through the tunnel sends much before its token was verified. The close code is 1009.
 *
 * Remedy: Send a valid token.
 */
export const anonymousLargeMessage = defineError(
  Code.ResourceExhausted,
  "a message has at most 16,384 bytes on the wire without a valid token",
);

/**
 * A client of the tunnel sends without reading, so that its credit cannot be read either.
 *
 * Remedy: Read the answers while you send, and keep to the credit given.
 */
export const tunnelBlocked = defineError(
  Code.ResourceExhausted,
  "the client does not read the answers, and what it sends fills the buffer",
);

/**
 * A tunnel was opened, and its client sent nothing. The close code is 1008.
 *
 * Remedy: Send the opening message at once.
 */
export const openingLate = defineError(
  Code.DeadlineExceeded,
  "no opening message came within <seconds> seconds",
);

/**
 * A request body in the tunnel has an envelope of another kind.
 *
 * Remedy: Send Connect's envelopes for requests.
 */
export const unknownEnvelopeFlags = defineError(
  Code.InvalidArgument,
  "an envelope has the flags <flags>: a request's has 0, or 1 if it is compressed",
);

/**
 * A message of the tunnel is wrong, or came in the wrong order: see the faults below. The close
 * code says which.
 *
 * Remedy: Correct the client by [tunnel.md](tunnel.md).
 */
export const tunnelBrokenOrder = defineError(Code.InvalidArgument, "<fault>");

/**
 * The first message of the tunnel is binary.
 *
 * Remedy: Send the opening message first, as text.
 */
export const binaryOpening = defineTunnelFault(
  closeCodes.wrongKind,
  'the first message is text: {"headers": …}; only body is binary',
);

/**
 * The client sent body after it had ended the request.
 *
 * Remedy: Send `null` last.
 */
export const bodyAfterEnd = defineTunnelFault(closeCodes.brokenOrder, "no body may follow null");

/**
 * A client that keeps to credit sent more than it was given.
 *
 * Remedy: Wait for credit.
 */
export const beyondCredit = defineTunnelFault(
  closeCodes.tooBig,
  "more body than the credit given and <ahead> bytes",
);

/**
 * The request headers are too large for the tunnel.
 *
 * Remedy: Send fewer or shorter headers.
 */
export const largeOpening = defineTunnelFault(
  closeCodes.tooBig,
  "the opening message is over <most> bytes",
);

/**
 * A second opening message came.
 *
 * Remedy: Open a WebSocket for each call.
 */
export const secondOpening = defineTunnelFault(
  closeCodes.brokenOrder,
  "there is one opening message, and it comes first",
);

/**
 * The request was ended before it began, or twice.
 *
 * Remedy: Send `null` once, last.
 */
export const earlyEnd = defineTunnelFault(
  closeCodes.brokenOrder,
  "null comes once, after the opening message",
);

/**
 * A client of goa's dialect sent a message to `/subscribe` or `/history`.
 *
 * Remedy: Put what you ask for into the query, and only read.
 */
export const queryOnly = defineError(
  Code.InvalidArgument,
  "this endpoint accepts no messages: the query says everything",
);

/**
 * A message of goa's dialect has invalid bytes. The close code is 1007.
 *
 * Remedy: Send UTF-8.
 */
export const malformedText = defineError(Code.InvalidArgument, "the message is not valid UTF-8");

/**
 * A client of goa's dialect sent a message after it had ended. The close code is 1002.
 *
 * Remedy: Send `null` last.
 */
export const messageAfterNull = defineError(Code.InvalidArgument, "no message may follow null");

/**
 * A message of goa's dialect is not JSON.
 *
 * Remedy: Send each text as a JSON string.
 */
export const notJson = defineError(
  Code.InvalidArgument,
  "the message is not JSON: send JSON strings, then null",
);

/**
 * A message of goa's dialect is JSON, and not a string.
 *
 * Remedy: Send each text as a JSON string.
 */
export const notJsonString = defineError(
  Code.InvalidArgument,
  "the message is <kind>: send JSON strings, then null",
);

/**
 * An escape in a JSON string stands for half a character.
 *
 * Remedy: Write both halves, or the character itself.
 */
export const unpairedSurrogate = defineError(
  Code.InvalidArgument,
  "the message has an unpaired surrogate, which is not valid Unicode",
);

/**
 * The query of `/history` has another `view`.
 *
 * Remedy: Use one of the two, or leave it out.
 */
export const unknownViewName = defineError(
  Code.InvalidArgument,
  'view <view> does not exist: use "default" or "tiny"',
);

/**
 * The query of `/history` has an invalid `limit` or `last`.
 *
 * Remedy: Write the number in decimal digits.
 */
export const notACount = defineError(
  Code.InvalidArgument,
  "<name> is <value>: it must be a whole number, from 0",
);

/**
 * `POST /login` failed, and the response does not say why.
 *
 * Remedy: Look at the HTTP status.
 */
export const failedLogin = defineError(Code.Unknown, "login failed");

/**
 * A request of goa's dialect has no `Authorization` header. The HTTP status is 400.
 *
 * Remedy: Send the header.
 */
export const missingField = defineError(Code.InvalidArgument, '"<name>" is missing from header');

/**
 * A program that mounts Chatter gives two routes the same path.
 *
 * Remedy: Change one of the paths.
 */
export const twoRoutes = defineFailure("two WebSocket routes have the path <path>", TypeError);

/**
 * A program that mounts Chatter binds the handler of a WebSocket to another verb.
 *
 * Remedy: Use GET.
 */
export const handlerNotOnGet = defineFailure(
  "<path> streams over a WebSocket, whose handshake is a GET: it cannot be bound to <method>",
  TypeError,
);

/**
 * A program that mounts Chatter has a WebSocket route for GET without a handler.
 *
 * Remedy: Give it a handler, or remove it.
 */
export const noHandler = defineFailure("the WebSocket route <path> has no handler", TypeError);

/**
 * The option `endpoints` of a WebSocket bridge names a path that no route has.
 *
 * Remedy: Correct the path.
 */
export const noSuchEndpoint = defineFailure(
  "there are settings for <path>, but no such endpoint",
  TypeError,
);

/**
 * The call of a WebSocket whose client has answered no pings for a while: the connection is dead.
 *
 * Remedy: None needed: clients connect again.
 */
export const pingsUnanswered = defineError(
  Code.Unavailable,
  "the client left <missed> pings in a row unanswered",
);
