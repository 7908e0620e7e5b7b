import { Code, ConnectError } from "@connectrpc/connect";
import { defineError, defineFailure, withChanges } from "../../../errors/define.js";

/**
 * The client cancelled the call, or its connection was closed.
 *
 * Remedy: None needed.
 */
export const callCancelled = defineError(Code.Canceled, "the call was cancelled");

/**
 * A fault in the server. Its log has the reason, under the call's `x-request-id`.
 *
 * Remedy: Report it, with the `x-request-id`.
 */
export const internalError = defineError(Code.Internal, "internal error");

/**
 * The bytes of a message are not what its method expects.
 *
 * Remedy: Generate the client from the same `chatter.proto`.
 */
export const unreadableMessage = defineError(Code.InvalidArgument, "the message cannot be read");

/**
 * The bytes of a message are not what its method expects; the reason names what is wrong.
 *
 * Remedy: Generate the client from the same `chatter.proto`.
 */
export const malformedMessage = defineError(
  Code.InvalidArgument,
  "the message cannot be read: <reason>",
);

/**
 * The compressed message is damaged, or compressed with something else.
 *
 * Remedy: Compress with what `content-encoding` or `grpc-encoding` names.
 */
export const malformedCompression = defineError(
  Code.InvalidArgument,
  "the message cannot be read: it is not whole and valid <encoding>",
);

/**
 * A request message is larger than `--max-message-bytes`.
 *
 * Remedy: Send smaller messages.
 */
export const largeMessage = defineError(
  Code.ResourceExhausted,
  "a message has at most <most> bytes on the wire",
);

/**
 * The request body ended in the middle of a message.
 *
 * Remedy: Send whole messages. Look for a proxy that cuts requests.
 */
export const incompleteEnvelope = defineError(
  Code.InvalidArgument,
  "protocol error: incomplete envelope",
);

/**
 * Subscribe, History or Export was called with no message, or with more than one.
 *
 * Remedy: Send exactly one request message.
 */
export const wrongMessageCount = defineError(
  Code.Unimplemented,
  "protocol error: <what> for server-streaming method",
);

/**
 * A message has the flag of compression, and the call names no encoding.
 *
 * Remedy: Set `connect-content-encoding` or `grpc-encoding`.
 */
export const compressedWithoutEncoding = defineError(
  Code.Internal,
  "received compressed envelope, but do not know how to decompress",
);

/**
 * A method that a program mounts beside Chatter uses the caller's identity, but is open to all.
 *
 * Remedy: Correct the program that mounts the service.
 */
export const unguardedMethod = defineError(
  Code.Internal,
  "the method needs a token, but is not among those that check it",
);

/**
 * The call was refused, and the response does not say why.
 *
 * Remedy: Look at the HTTP status.
 */
export const refusedCall = defineError(Code.Unknown, "the call was refused");

/**
 * The deadline of the call has passed. Posts may be stored all the same.
 *
 * Remedy: Allow more time, or repeat a post with the same `message_id`.
 */
export const timedOut = defineError(Code.DeadlineExceeded, "the operation timed out");

/**
 * The token was revoked, or its account removed, while the call ran.
 *
 * Remedy: Log in again.
 */
export const tokenRevoked = defineError(
  Code.Unauthenticated,
  "the token was revoked: log in again",
);

/**
 * The token expired while the call ran.
 *
 * Remedy: Log in again, and open a new stream from the last cursor. Client libraries do.
 */
export const tokenExpired = defineError(
  Code.Unauthenticated,
  "the token has expired: log in again",
);

/**
 * The stream is as old as `--max-stream-age` allows.
 *
 * Remedy: Open a new stream from the last cursor. Client libraries do.
 */
export const streamAged = defineError(
  Code.Unavailable,
  "the stream has reached its maximum age: open a new one",
);

/**
 * The client closed its connection before the call was over. Seen in the server log alone.
 *
 * Remedy: None needed.
 */
export const clientLeftError = defineError(Code.Canceled, "the client left<details>");

/**
 * The server was asked to stop, and ends its streams.
 *
 * Remedy: Connect again, and continue from the last cursor. Client libraries do.
 */
export const serverStopping = defineError(Code.Unavailable, "the server is stopping");

/**
 * What a peer may know about an error: a ConnectError as it is, an abort as `canceled`, anything
 * else as "internal error", with the reason kept as the cause.
 */
export function asConnectError(reason: unknown): ConnectError {
  if (reason instanceof ConnectError) {
    return inOurWords(reason);
  }
  if (reason instanceof Error && reason.name === "AbortError") {
    return callCancelled({ cause: reason });
  }
  return internalError({ cause: reason });
}

/** Whether an error means a fault in the server. */
export function isServerFault({ code, rawMessage }: ConnectError): boolean {
  return serverFaults.has(code) && rawMessage !== compressedWithoutEncoding.text;
}

const serverFaults: ReadonlySet<Code> = new Set([Code.Unknown, Code.Internal, Code.DataLoss]);

/**
 * The error of a call whose message could not be read, and whose method was not entered: an error
 * that is unknown to Connect is the client's fault too.
 */
export function asRefusal(error: ConnectError): ConnectError {
  return error.code === Code.Internal && error.rawMessage === internalError.text
    ? unreadableMessage()
    : asConnectError(error);
}

/**
 * What Connect's pipeline says about a message, in words that its sender understands, on every
 * wire.
 */
function inOurWords(error: ConnectError): ConnectError {
  const { code, rawMessage } = error;
  if (!rawMessage.isWellFormed()) {
    // gRPC could not encode it otherwise.
    return withChanges(error, { text: rawMessage.toWellFormed() });
  }
  if (code === Code.Internal && rawMessage.startsWith("parse binary: ")) {
    return malformedMessage({ reason: rawMessage.replace("parse binary: ", "") });
  }
  const limit = /larger than configured readMaxBytes (\d+)/.exec(rawMessage)?.[1];
  if (code === Code.ResourceExhausted && limit !== undefined) {
    return largeMessage({ most: Number(limit).toLocaleString("en") });
  }
  return error;
}

/** In characters: what a client sent may be quoted, for example a header. */
const maxReasonLength = 1_000;

/**
 * The text of an error, for logs and traces: errors of JSON parsers end with a piece of the
 * message, which only its sender may see.
 */
export function reasonOf({ rawMessage }: ConnectError): string {
  return cutReason(rawMessage.replace(/^(cannot decode .*? from JSON): .*/s, "$1"));
}

/** As long as a line of the log may be. */
export function cutReason(reason: string): string {
  return reason.length > maxReasonLength ? `${reason.slice(0, maxReasonLength)}…` : reason;
}

/** Compared by identity: `instanceof` of Connect's errors compares their shape. */
const clientLeftErrors = new WeakSet<ConnectError>();

/**
 * The error of a call whose answer nobody takes any more.
 *
 * @param details follow "the client left", such as " before the upgrade". Default: nothing
 */
export function clientLeft(details = ""): ConnectError {
  const error = clientLeftError({ details });
  clientLeftErrors.add(error);
  return error;
}

/** Whether an error was made by `clientLeft`: nobody is there to receive it. */
export function isClientLeft(error: unknown): boolean {
  return clientLeftErrors.has(error as ConnectError);
}

const stopping = serverStopping();

/** The error of every stream when the server stops: always the same object. */
export function stoppingError(): ConnectError {
  return stopping;
}

/**
 * A program that mounts Chatter gives `access.open` a method of Chatter, or all of them.
 *
 * Remedy: Open methods of your own services. Chatter's need a token, by which they know who calls.
 */
export const needsCaller = defineFailure(
  "<method> cannot be open: it needs to know who calls",
  TypeError,
);
