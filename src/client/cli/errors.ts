import { Code } from "@connectrpc/connect";
import { defineError, defineFailure } from "../../errors/define.js";

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
 * The command's token is past its end.
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
 * Something else than Chatter, or a proxy that drops headers, answers.
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
