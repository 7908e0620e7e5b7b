import { Code } from "@connectrpc/connect";
import { defineInvalidValue } from "../../cli/invalid-value.js";
import { defineError, defineFailure, defineUsageError } from "../../errors/define.js";
import { patternRule, roomRule } from "../../protocol/rooms.js";

/**
 * The command needs a token, and found none for `--url`.
 *
 * Remedy: Do one of these.
 */
export const noToken = defineError(
  Code.Unauthenticated,
  "no token: set CHATTER_TOKEN, or CHATTER_USER and CHATTER_PASSWORD, or keep one with chatter login --save",
);

/**
 * The command's token has expired.
 *
 * Remedy: Do one of the two; with the variables, commands log in again by themselves.
 */
export const tokenExpiredAt = defineError(
  Code.Unauthenticated,
  "the token expired at <when>: log in again, or set CHATTER_USER and CHATTER_PASSWORD",
);

/**
 * The token expired while the command ran, and it logs in again.
 *
 * Remedy: None needed.
 */
export const ownTokenExpired = defineError(Code.Unauthenticated, "the token has expired");

/**
 * Something other than Chatter, or a proxy that drops headers, answers.
 *
 * Remedy: Check `--url` and the proxy.
 */
export const noCursor = defineError(
  Code.Internal,
  'the answer to subscribe has no header "chatter-cursor"',
);

/**
 * The file of `chatter login --save` is not what it wrote.
 *
 * Remedy: Remove the file, and log in again.
 */
export const tokensDamaged = defineFailure("<file> is damaged: remove it and log in again");

/**
 * `chatter chat` ended before the server had acknowledged everything.
 *
 * Remedy: Look at the history, and post what is missing.
 */
export const notPosted = defineFailure("<what> not posted");

/**
 * `--url` is not the address of a server. The option is named before the text.
 *
 * Remedy: Correct `--url`.
 */
export const wrongUrl = defineInvalidValue(
  "It must be like http://localhost:8080, https://chat.example.com or unix:/run/chatter.sock",
);

/**
 * Only one of the two files of a client certificate was given.
 *
 * Remedy: Give both, or none.
 */
export const halfAClientCertificate = defineUsageError(
  "--client-cert and --client-key belong together: give both",
);

/**
 * `--url` has a user or a password. It is not quoted.
 *
 * Remedy: Remove them from the URL, and log in with `chatter login`.
 */
export const credentialsInUrl = defineUsageError(
  "--url must not have a user or a password: chatter login takes these",
);

/**
 * `--token` or `CHATTER_TOKEN` has a space or a character that no token has. It is not quoted.
 *
 * Remedy: Give what `chatter login` printed, unchanged.
 */
export const malformedToken = defineUsageError(
  "the token is not valid: it must consist of visible ASCII characters",
);

/**
 * `--room` has no valid name of a room. The option is named before the text.
 *
 * Remedy: Use a name by the rule.
 */
export const notARoom = defineInvalidValue(`It is not the name of a room: ${roomRule}`);

/**
 * `--room` has a `*`, but no valid pattern. The option is named before the text.
 *
 * Remedy: Use a pattern by the rule.
 */
export const notAPattern = defineInvalidValue(`It is not a pattern for rooms: ${patternRule}`);

/**
 * `--prefix` of `chatter rooms` can begin no room's name. The option is named before the text.
 *
 * Remedy: Correct it, or leave it out for all rooms.
 */
export const invalidPrefix = defineInvalidValue(
  'It is the beginning of a room\'s name: at most <most> characters, A-Z, a-z, 0-9, "_", "-" and "/"',
);

/**
 * `chatter login` was given a password in two ways.
 *
 * Remedy: Remove one of them.
 */
export const twoPasswords = defineUsageError("--password and --password-stdin do not go together");

/**
 * `chatter login` has no password, and no terminal to ask for it.
 *
 * Remedy: Do one of the two.
 */
export const noPassword = defineUsageError(
  "no password: give --password-stdin, or run it on a terminal to be asked",
);
