import { Code } from "@connectrpc/connect";
import { defineError, defineFailure } from "../errors/define.js";

/**
 * `close()` was called while a call ran.
 *
 * Remedy: None needed.
 */
export const clientClosed = defineError(Code.Canceled, "the client was closed");

/**
 * `timeoutMs` has passed.
 *
 * Remedy: Allow more time, or post with a publisher, which tries again.
 */
export const timedOut = defineError(Code.DeadlineExceeded, "the operation timed out");

/**
 * Neither messages nor bookmarks nor answers came; the connection is probably dead.
 *
 * Remedy: None needed: subscriptions and publishers connect again.
 */
export const serverSilent = defineError(
  Code.Unavailable,
  "the server has been silent for <seconds> s",
);

/**
 * The connection was lost, or a proxy ended the response early.
 *
 * Remedy: Try again, if the method may run twice. Subscriptions, publishers and the other calls of
 * the library do so by themselves.
 */
export const responseBroken = defineError(Code.Unavailable, "the response broke off: <reason>");

/**
 * The response ended in good order, but too early: a fault of the server, or of a proxy.
 *
 * Remedy: Look into the logs of both. Subscriptions, publishers and the other calls of the library
 * try again by themselves.
 */
export const responseIncomplete = defineError(
  Code.Internal,
  "the response is incomplete: <reason>",
);

/**
 * The client gave up a connection that had failed, and the call ran on it.
 *
 * Remedy: None needed: subscriptions and publishers connect again.
 */
export const connectionClosed = defineError(Code.Unavailable, "the connection was closed");

/**
 * The stream ended without an error, as no subscription does. A proxy may have ended it.
 *
 * Remedy: None needed: the subscription connects again.
 */
export const subscriptionEnded = defineError(
  Code.Unavailable,
  "the server has ended the subscription",
);

/**
 * The stream ended before all posts were answered.
 *
 * Remedy: None needed: the publisher connects again.
 */
export const postingEnded = defineError(Code.Unavailable, "the server has ended the stream");

/**
 * The answers of a posting stream do not belong to its posts.
 *
 * Remedy: Report it. Look for a proxy that mixes responses.
 */
export const unexpectedAnswer = defineError(
  Code.Internal,
  "the server answered a message that was not sent",
);

/**
 * `post()` was called after `close()`.
 *
 * Remedy: Post before you close.
 */
export const publisherClosed = defineError(Code.FailedPrecondition, "the publisher is closed");

/**
 * The client was cut off for longer than `resendMs`, within which the server knows the id.
 *
 * Remedy: Look for the message in the history, and post it again if it is missing.
 */
export const doubtfulPost = defineError(
  Code.DeadlineExceeded,
  "the message was sent more than <seconds> s ago and not answered: it may be stored or not, and sending it again now could store it twice",
);

/**
 * `post()` was given something that cannot be a message. It is not sent.
 *
 * Remedy: Correct the text.
 */
export const invalidText = defineError(
  Code.InvalidArgument,
  "the text <fault>: it must have 1 to 65,536 bytes of UTF-8",
);

/**
 * A post names a room that cannot exist. As an option, it is a RangeError.
 *
 * Remedy: Use a name by the rule in the text.
 */
export const invalidRoom = defineError(Code.InvalidArgument, "room is <room>: <rule>");

/**
 * `auth` gave a token that cannot be sent. The token is never quoted.
 *
 * Remedy: Correct `auth`.
 */
export const unsendableToken = defineError(
  Code.Unauthenticated,
  "the token <fault>: it must consist of visible ASCII characters",
);

/**
 * Logging in, or the function `auth`, took too long.
 *
 * Remedy: None needed if it was the network: it is tried again.
 */
export const tokenLate = defineError(Code.Unavailable, "no token came within <seconds> s");

/**
 * On the page, after a reload: only the token was kept, and its time is over.
 *
 * Remedy: Log in again.
 */
export const loginExpired = defineError(
  Code.Unauthenticated,
  "your login has expired: log in again",
);

/**
 * A posting method was called in a browser over `connect` or `grpc-web`.
 *
 * Remedy: Set `transport: "ws"`, which is the default in browsers.
 */
export const fetchCannotStream = defineError(
  Code.Unimplemented,
  'fetch cannot send a stream: use the transport "ws" to post',
);

/**
 * In a browser, over `connect` or `grpc-web`: there was no connection, it was lost, or the browser
 * refused the request, for example because the server does not allow the page's origin.
 *
 * Remedy: None needed if it was the network. Else see the browser's console.
 */
export const fetchFailed = defineError(Code.Unavailable, "fetch failed: <reason>");

/**
 * The server's address does not answer: a firewall, or the wrong address.
 *
 * Remedy: Check `url`, and the network.
 */
export const connectTimeout = defineFailure("no connection within <seconds> s");

/**
 * `createChatterClient` was given a wrong option.
 *
 * Remedy: Give a name, or what a `create…Transport` function of Connect returns.
 */
export const notATransport = defineFailure(
  '"transport" is an object, but not a transport of Connect',
  TypeError,
);

/**
 * `createChatterClient` was given no `url`.
 *
 * Remedy: Give `url`, for example `http://localhost:8080`.
 */
export const missingUrl = defineFailure('"url" is missing: it says where Chatter is', TypeError);

/**
 * `createChatterClient` was given a wrong `url`. It is never quoted, because it may contain a
 * password.
 *
 * Remedy: Correct `url`.
 */
export const invalidUrl = defineFailure(
  '"url" is not a valid URL: it must be like http://localhost:8080 or https://chatter.example',
  TypeError,
);

/**
 * `url` has another scheme, for example `ws:`.
 *
 * Remedy: Use `http:` or `https:`, for all transports, or `unix:` in Node.
 */
export const wrongUrlScheme = defineFailure(
  '"url" begins with <scheme> but must begin with http: or https:',
  TypeError,
);

/**
 * `url` begins with `unix:`, and does not name a Unix socket.
 *
 * Remedy: Write the path as the text says.
 */
export const invalidUnixUrl = defineFailure(
  '"url" is not a Unix socket: it must be <rule>',
  TypeError,
);

/**
 * Browsers cannot connect to Unix sockets.
 *
 * Remedy: Use `http:` or `https:`.
 */
export const unixInBrowser = defineFailure(
  '"url" is a Unix socket, which browsers cannot reach',
  TypeError,
);

/**
 * `tls` was given with a `url` that has no TLS: the connection would show no certificate.
 *
 * Remedy: Use an `https:` URL, or leave `tls` out.
 */
export const tlsWithoutHttps = defineFailure(
  '"tls" (a client certificate) needs a URL that begins with https:',
  TypeError,
);

/**
 * `cert`, `key` or `ca` of `tls` is not PEM, or the key is that of another certificate.
 *
 * Remedy: Give the certificate and its key in PEM, without a passphrase.
 */
export const invalidClientTls = defineFailure('"tls" cannot be used: <reason>', TypeError);

/**
 * `url` has credentials in it.
 *
 * Remedy: Move them to `auth`.
 */
export const urlWithCredentials = defineFailure(
  '"url" has a user or a password: these go into "auth"',
  TypeError,
);

/**
 * The paths of methods cannot be added to such a `url`.
 *
 * Remedy: Remove the query and the fragment.
 */
export const urlWithQuery = defineFailure(
  '"url" has a query or a fragment: it can have a path at most',
  TypeError,
);

/**
 * `createChatterClient` was given another `auth`.
 *
 * Remedy: Correct `auth`.
 */
export const invalidAuth = defineFailure(
  '"auth" must be { user, password }, { token } or a function that returns a token',
  TypeError,
);

/**
 * Browsers have no access to HTTP/2 trailers.
 *
 * Remedy: Use `ws`, `connect` or `grpc-web`.
 */
export const grpcInBrowser = defineFailure(
  '"transport" is "grpc", which browsers cannot speak: use "ws"',
  TypeError,
);

/**
 * `createChatterClient` was given another `transport`.
 *
 * Remedy: Use one of the names in the text.
 */
export const unknownTransport = defineFailure(
  '"transport" is "<name>": it must be <names>',
  TypeError,
);

/**
 * `publisher()` was given a wrong option.
 *
 * Remedy: Correct it.
 */
export const invalidResendMs = defineFailure(
  "resendMs is <value>: it must be 0 or more",
  RangeError,
);

/**
 * `publisher()` was given a wrong option.
 *
 * Remedy: Correct it.
 */
export const invalidAnswerMs = defineFailure(
  "answerMs is <value>: it must be 1 or more",
  RangeError,
);

/**
 * An option that is a number is not in its range.
 *
 * Remedy: Correct it.
 */
export const invalidCount = defineFailure(
  "<name> is <value>: it must be a whole number <range>",
  RangeError,
);

/**
 * `history()` or `read()` was given both.
 *
 * Remedy: Give one of them.
 */
export const afterAndLast = defineFailure(
  '"after" and "last" exclude each other: give one',
  TypeError,
);

/**
 * The option `rooms` is something else, for example one text.
 *
 * Remedy: Give an array.
 */
export const roomsNotAList = defineFailure(
  '"rooms" must be an array of names and patterns',
  TypeError,
);

/**
 * The option `rooms` selects rooms one by one, and too many of them.
 *
 * Remedy: Use patterns such as `team/*`, or several calls.
 */
export const manyRooms = defineFailure(
  "rooms has <count> names and patterns: it must have at most <most>",
  RangeError,
);

/**
 * The option `rooms` has a malformed pattern.
 *
 * Remedy: Use a pattern by the rule in the text.
 */
export const invalidPattern = defineFailure("rooms has <room>: <rule>", RangeError);

/**
 * Node before 22 has no WebSocket, and `createWebSocketTransport` was given none.
 *
 * Remedy: Give `webSocket: WebSocket` of the package `ws`.
 */
export const missingWebSocket = defineFailure(
  'there is no global WebSocket: set "webSocket", for example to that of ws',
  TypeError,
);
