import { Code } from "@connectrpc/connect";
import { defineError } from "../../errors/define.js";

/**
 * The call needs a token, and has no `Authorization` header with one.
 *
 * Remedy: Log in, and send the token.
 */
export const missingToken = defineError(
  Code.Unauthenticated,
  'missing token: send "Authorization: Bearer TOKEN"',
);

/**
 * The token was not issued for this server, has expired or was revoked, or its account was
 * removed. The server log has the reason.
 *
 * Remedy: Log in again.
 */
export const invalidToken = defineError(Code.Unauthenticated, "invalid token");

/**
 * The token lacks the scope that the method needs, `stream:read` or `stream:write`.
 *
 * Remedy: Use an account, or a token, that has the scope.
 */
export const invalidScopes = defineError(Code.PermissionDenied, "invalid scopes in token");

/**
 * The token has the scope that the method needs, but not for this room.
 *
 * Remedy: Use another room, or a token that has the scope for it.
 */
export const invalidScopesForRoom = defineError(
  Code.PermissionDenied,
  "invalid scopes in token for <room>",
);

/**
 * There is no such account, or the password is wrong.
 *
 * Remedy: Correct the user name or the password.
 */
export const invalidCredentials = defineError(
  Code.Unauthenticated,
  "invalid username and password combination",
);

/**
 * The server only accepts tokens of another issuer; it has no signing key of its own.
 *
 * Remedy: Get a token from that issuer, or give the server a signing key.
 */
export const loginWithoutSigningKey = defineError(
  Code.FailedPrecondition,
  "there is no key to sign tokens with",
);

/**
 * A login has neither `user` and `password` nor a readable `Authorization: Basic` header. The
 * fault is named; the header is never quoted.
 *
 * Remedy: Send one of the two.
 */
export const malformedBasicCredentials = defineError(
  Code.InvalidArgument,
  '<fault>: send "Authorization: Basic " and the base64 of "user:password"',
);

/**
 * As many logins of one user from one address failed as `--max-login-attempts` allows.
 *
 * Remedy: Wait as long as `RetryInfo` (`Retry-After`) says.
 */
export const userLoginFailures = defineError(
  Code.ResourceExhausted,
  "<most> logins of this user have failed in a minute: try again later",
);

/**
 * As many logins from one address failed as `--max-address-login-attempts` allows.
 *
 * Remedy: Wait as long as `RetryInfo` (`Retry-After`) says.
 */
export const addressLoginFailures = defineError(
  Code.ResourceExhausted,
  "<most> logins from this address have failed in a minute: try again later",
);

/**
 * If all of them failed, the address would reach `--max-address-login-attempts`.
 *
 * Remedy: Try again when some have ended.
 */
export const addressLoginsUnderWay = defineError(
  Code.ResourceExhausted,
  "<count> logins from this address are under way: try again later",
);

/**
 * Passwords are checked one after the other, and one address may queue only this many.
 *
 * Remedy: Try again later.
 */
export const addressLoginsWaiting = defineError(
  Code.ResourceExhausted,
  "<count> logins from this address are waiting already: try again later",
);

/**
 * The queue of logins is full.
 *
 * Remedy: Try again later.
 */
export const loginsWaiting = defineError(
  Code.ResourceExhausted,
  "<count> logins are waiting already: try again later",
);

/**
 * The server cannot reach `--jwks-url`, so it cannot verify tokens of that issuer.
 *
 * Remedy: Try again later. The operator checks `--jwks-url` and the issuer.
 */
export const issuerKeysUnavailable = defineError(
  Code.Unavailable,
  "the keys of the tokens' issuer cannot be fetched now: try again later",
);

/**
 * The keys of `--jwks-url` cannot be fetched. Seen in the server log.
 *
 * Remedy: Check `--jwks-url` and the issuer.
 */
export const issuerUnreachable = defineError(Code.Unavailable, "<host>: <reason>");

/**
 * A user name has 1 to 128 bytes of UTF-8, no control character, and no colon.
 *
 * Remedy: Choose another name.
 */
export const invalidUserName = defineError(Code.InvalidArgument, "user name <name> <fault>");

/**
 * A new password has 1 to 1,024 bytes of UTF-8 and no control character.
 *
 * Remedy: Choose another password.
 */
export const invalidPassword = defineError(Code.InvalidArgument, "the password <fault>");

/**
 * A users file has something else as `password_hash`; it may be a password.
 *
 * Remedy: Make the hash with `chatter user add`.
 */
export const malformedPasswordHash = defineError(
  Code.InvalidArgument,
  'the password hash is not of the form "$scrypt$ln=15,r=8,p=3$SALT$HASH"',
);

/**
 * A password hash of the users file would take too much time or memory to check.
 *
 * Remedy: Make the hash with `chatter user add`.
 */
export const passwordHashCost = defineError(
  Code.InvalidArgument,
  "the password hash has the cost ln=<ln>,r=<r>,p=<p>: ln is 1 to 20, r 1 to 32, p 1 to 16, and 128 * 2^ln * r bytes at most 512 MiB",
);

/**
 * An account or a token is to have an unknown scope.
 *
 * Remedy: Use one of the scopes that the text names.
 */
export const unknownScope = defineError(
  Code.InvalidArgument,
  "<scope> is not a scope: the scopes are <scopes>",
);

/**
 * What follows the scope's second colon is neither a room nor a pattern.
 *
 * Remedy: Correct it by the rules in the text, such as `stream:read:team/*`.
 */
export const unknownRoomScope = defineError(
  Code.InvalidArgument,
  "<scope> is not a scope: <rules>",
);

/**
 * A token is to be issued for too long, or for no time.
 *
 * Remedy: Choose a lifetime in the range.
 */
export const invalidTokenLifetime = defineError(
  Code.InvalidArgument,
  "a token's lifetime of <seconds> seconds is not a whole number from 1 to <most>",
);

/**
 * The users file, the key set or the revocations file has an error; secrets are not quoted.
 *
 * Remedy: Correct the place that the text names. A running server keeps what it read before.
 */
export const malformedFile = defineError(Code.FailedPrecondition, "<file>: <fault>");

/**
 * Two commands change a file at once, or one was killed.
 *
 * Remedy: Try again, or delete the draft.
 */
export const fileBusy = defineError(
  Code.Unavailable,
  "<file> is being changed by another process: try again, or delete <draft> if there is none",
);

/**
 * The system refuses access to a users file, a key set or a revocations file.
 *
 * Remedy: Correct the path, or the permissions.
 */
export const fileUnusable = defineError(
  Code.FailedPrecondition,
  "<file> cannot be <verb> (<reason>)",
);
