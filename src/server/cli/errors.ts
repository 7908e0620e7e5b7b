import { Code } from "@connectrpc/connect";
import { defineInvalidValue } from "../../cli/invalid-value.js";
import { defineError, defineFailure, defineUsageError } from "../../errors/define.js";

/**
 * `chatter log export` was given a pipe or a device.
 *
 * Remedy: Export to a file, or to standard output.
 */
export const notResumable = defineError(
  Code.FailedPrecondition,
  "<path> is not a file that can be resumed: export to standard output, without a path",
);

/**
 * The file has an export that this log cannot continue.
 *
 * Remedy: Export to a new file.
 */
export const otherExport = defineError(
  Code.FailedPrecondition,
  "<path> <why>: export to a new file",
);

/**
 * The export broke off. What it has was imported.
 *
 * Remedy: Run `chatter log export` again with the same file, and import again.
 */
export const incompleteExport = defineFailure(
  "the export is not complete: <what>; finish it and run the import again, or import what there is with --allow-incomplete",
);

/**
 * `chatter log verify` found faults.
 *
 * Remedy: Restore a backup, see [backup.md](backup.md).
 */
export const damagedLog = defineFailure("damaged or missing in <where>: <faults>");

/**
 * The old log had faults. Everything else was kept.
 *
 * Remedy: Restore a backup, if there is one, and upgrade that.
 */
export const upgradedWithLoss = defineFailure(
  "the log was upgraded without what was damaged or missing in <where>: <faults>",
);

/**
 * `chatter log verify` was given `--log memory`.
 *
 * Remedy: Give the folder, `--data-dir`, or the address of NATS.
 */
export const memoryNotVerifiable = defineUsageError(
  "a log in memory cannot be checked: give another --log",
);

/**
 * `chatter log import` was given `--log memory`.
 *
 * Remedy: Give the folder, `--data-dir`, or the address of NATS.
 */
export const memoryNotImportable = defineUsageError(
  "a log in memory would be gone at once: give another --log",
);

/**
 * A command changes or lists the keys of a file, and the key is in a variable.
 *
 * Remedy: Give `--signing-key-file`.
 */
export const keyNotInFile = defineUsageError("the key is in CHATTER_SIGNING_KEY, not in a file");

/**
 * `chatter token issue` was given a key in two ways.
 *
 * Remedy: Remove one of them.
 */
export const fileAndVariable = defineUsageError(
  "--signing-key-file and CHATTER_SIGNING_KEY do not go together",
);

/**
 * `--scopes` is empty. The option is named before the text.
 *
 * Remedy: Give a scope, or leave `--scopes` out for all.
 */
export const noScopes = defineInvalidValue("Give at least one of <scopes>");

/**
 * `chatter key remove` was given both a key and `--retired`, or neither.
 *
 * Remedy: Give one of them.
 */
export const keyOrRetired = defineUsageError("give either the id of a key or --retired");

/**
 * `chatter key remove` was given an id that no key of the file has.
 *
 * Remedy: Use an id that `chatter key list` prints.
 */
export const unknownKey = defineUsageError("there is no key <kid>");

/**
 * The new password was typed in two ways.
 *
 * Remedy: Run the command again.
 */
export const passwordsDiffer = defineUsageError("the two passwords differ");

/**
 * `chatter token revoke` was given nothing.
 *
 * Remedy: Give the token on standard input, or its id.
 */
export const noTokenGiven = defineUsageError("there is no token, and no id of one");

/**
 * `chatter token revoke` was given a token that is no longer accepted anyway.
 *
 * Remedy: None needed.
 */
export const alreadyExpired = defineUsageError(
  "this token has expired: there is nothing to revoke",
);

/**
 * `chatter token inspect` or `revoke` was given something else.
 *
 * Remedy: Give what `chatter login` printed, unchanged.
 */
export const notAToken = defineUsageError(
  "this is not a token: a token is a JWT, three parts with dots",
);

/**
 * `chatter log export`: the server, or a proxy, ended the stream before its first message.
 *
 * Remedy: Try again. Look for a proxy in between.
 */
export const emptyExport = defineFailure("the server's export is empty");
