import { Code } from "@connectrpc/connect";
import { defineError, defineFailure } from "../errors/define.js";
import { defineInvalidValue } from "./invalid-value.js";

/**
 * No server listens at `--url`, or a firewall is in between.
 *
 * Remedy: Start the server, or correct `--url`.
 */
export const cannotConnect = defineError(Code.Unavailable, "cannot connect to <url> (<reason>)");

/**
 * The server, or a proxy, closed the connection.
 *
 * Remedy: Try again. The commands with `--reliable` do.
 */
export const connectionClosedBy = defineError(
  Code.Unavailable,
  "the connection was closed by <url> (it may have stopped)",
);

/**
 * The connection broke, or TLS failed. A server that does not accept a client certificate closes
 * the connection.
 *
 * Remedy: Try again; check the certificates and the URL. The server log has the reason.
 */
export const connectionFailed = defineError(
  Code.Unavailable,
  "the connection to <url> failed (<reason>)",
);

/**
 * The server has `--tls-client-required`, and the command was given no certificate.
 *
 * Remedy: Give `--client-cert` and `--client-key`.
 */
export const clientCertificateRequired = defineError(
  Code.Unavailable,
  "<url> requires a client certificate: give --client-cert and --client-key",
);

/**
 * The URL begins with `https:`, and the port speaks HTTP in cleartext.
 *
 * Remedy: Correct `--url`, or give the server a certificate (`--tls-cert`).
 */
export const noTls = defineError(Code.Unavailable, "there is no TLS at <url>: try <other>");

/**
 * The URL begins with `http:`, and the port answers 400, as ports with TLS do.
 *
 * Remedy: Correct `--url`.
 */
export const perhapsTls = defineError(Code.Unavailable, "<reason>: try <url> if that port has TLS");

/**
 * Something answers at `--url`, but Chatter is not there: another program, or a path too many.
 *
 * Remedy: Correct `--url`: it has a path only if a proxy serves Chatter below that path.
 */
export const notFound = defineError(
  Code.Unimplemented,
  "there is no Chatter at <url> (HTTP 404): check the port and the path",
);

/**
 * The server, or a proxy in between, does not speak HTTP/2.
 *
 * Remedy: Use the WebSocket tunnel, `--protocol ws`, or a proxy that passes HTTP/2 on.
 */
export const noHttp2 = defineError(
  Code.Unavailable,
  "the connection to <url> failed: if HTTP/2 does not get through, try --protocol ws<hint>",
);

/**
 * A line is not UTF-8, or longer than a message can be.
 *
 * Remedy: Correct the input, and post the rest.
 */
export const unpostableLine = defineError(
  Code.InvalidArgument,
  "line <number> of standard input <fault>; the lines before it were posted",
);

/**
 * `chatter post` posts its input as one message, and this one is not UTF-8, or too long.
 *
 * Remedy: Correct the input. `chatter listener` posts each line as a message.
 */
export const unpostableInput = defineError(Code.InvalidArgument, "standard input <fault>");

/**
 * The system allows the process too few open files.
 *
 * Remedy: Raise `ulimit -n`, or `LimitNOFILE=` of systemd.
 */
export const tooManyFiles = defineFailure("too many files are open: raise the limit (ulimit -n)");

/**
 * Standard input is a folder, is closed, or fails.
 *
 * Remedy: Correct the redirection.
 */
export const inputUnreadable = defineFailure("cannot read standard input: <reason>");

/**
 * Standard output is on a full disk, or fails. A reader that has seen enough is no failure.
 *
 * Remedy: Free space, or correct the redirection.
 */
export const outputUnwritable = defineFailure("cannot write the output: <reason>");

/**
 * A command that reads a password or a token was given something else.
 *
 * Remedy: Correct the redirection.
 */
export const longSecret = defineFailure(
  "standard input has over <most> bytes: that is not a secret",
);

/**
 * A command that reads a password was given binary data.
 *
 * Remedy: Write the password as UTF-8.
 */
export const malformedSecret = defineFailure("standard input is not UTF-8: a password is text");

/**
 * A command was given the path of a file that does not exist or cannot be read.
 *
 * Remedy: Correct the path, or the permissions.
 */
export const cannotReadFile = defineFailure("cannot read <path>: <reason>");

/**
 * A command was given a path in a folder that does not exist or cannot be written.
 *
 * Remedy: Correct the path, or the permissions.
 */
export const cannotWriteFile = defineFailure("cannot write <path>: <reason>");

/**
 * The value of a numeric option is not a number in its range. The option is named before the text.
 *
 * Remedy: Use a number in the range.
 */
export const notACount = defineInvalidValue("It must be a whole number <range>");
