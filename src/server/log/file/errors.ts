import { Code } from "@connectrpc/connect";
import { defineError } from "../../../errors/define.js";

/**
 * An import into this folder broke off, so part of the messages is missing.
 *
 * Remedy: Run the import again: it continues where it broke off.
 */
export const unfinishedImport = defineError(
  Code.FailedPrecondition,
  "the import of a log into <dir> was not finished: run chatter log import again",
);

/**
 * `chatter log upgrade` broke off.
 *
 * Remedy: Run it again: it continues where it broke off.
 */
export const unfinishedUpgrade = defineError(
  Code.FailedPrecondition,
  "the upgrade of the log in <dir> was not finished: run chatter log upgrade --data-dir <dir>",
);

/**
 * The folder was written by a version of Chatter before 0.2.
 *
 * Remedy: Run the command in the text, see [log.md](log.md).
 */
export const olderForm = defineError(
  Code.FailedPrecondition,
  "the log in <dir> has the form of an older version: run chatter log upgrade --data-dir <dir>",
);

/**
 * The log was deleted or moved while the server ran.
 *
 * Remedy: Put the folder back.
 */
export const logGone = defineError(
  Code.FailedPrecondition,
  "the log is gone from <dir>: put it back",
);

/**
 * The folder was replaced while the server ran.
 *
 * Remedy: Put the right folder back.
 */
export const exchangedLog = defineError(
  Code.FailedPrecondition,
  "there is another log in <dir>, <found> in place of <expected>",
);

/**
 * Both head files of the log are missing or damaged, and there are messages.
 *
 * Remedy: Restore a backup, see [backup.md](backup.md).
 */
export const headMissing = defineError(
  Code.FailedPrecondition,
  "<fault>: without it, it is unknown whether the log is whole",
);

/**
 * The head files of the log are damaged or cannot be read.
 *
 * Remedy: Check the permissions of the file. Restore a backup, see [backup.md](backup.md).
 */
export const headDamaged = defineError(Code.FailedPrecondition, "<fault>");

/**
 * The folder of the segments was deleted, or not restored with the head file.
 *
 * Remedy: Put the folder back, or restore both from one backup.
 */
export const messagesMissing = defineError(
  Code.FailedPrecondition,
  "the messages of the log are missing: <store> has none, and by <headFile> there were <count>",
);

/**
 * The folder was replaced for an older copy while the server ran.
 *
 * Remedy: Put the newer state back.
 */
export const olderState = defineError(
  Code.FailedPrecondition,
  "there is an older state of the log in <dir>: it ends with message <head>, and messages up to <expected> were answered",
);

/**
 * The system refuses to open or write a file of the log. The text says why.
 *
 * Remedy: Check the permissions and the disk. A full disk needs room.
 */
export const cannotOpen = defineError(
  Code.FailedPrecondition,
  "cannot open the log in <dir>: <reason>",
);

/**
 * The log was used with a newer version of Chatter.
 *
 * Remedy: Use that version, or a newer one.
 */
export const newerForm = defineError(
  Code.FailedPrecondition,
  "<path> was written by a newer version of this program (form <form>, this one knows <known>): use that version",
);

/**
 * Another server, or a command, has the folder open.
 *
 * Remedy: Stop the other process. Servers that share one log need NATS, see
 * [scaling.md](scaling.md).
 */
export const logInUse = defineError(
  Code.FailedPrecondition,
  "the log in <dir> is in use by another process",
);

/**
 * The lock file of the folder cannot be opened or locked.
 *
 * Remedy: Check the permissions. Network file systems may not support locks.
 */
export const cannotLock = defineError(
  Code.FailedPrecondition,
  "the log in <dir> cannot be locked: <reason>",
);

/**
 * A program opens the log with a wrong option.
 *
 * Remedy: Correct it.
 */
export const invalidSegmentBytes = defineError(
  Code.FailedPrecondition,
  "segmentBytes must be a whole number from 1 to <most>, and not <bytes>",
);

/**
 * Files of two logs are in one folder.
 *
 * Remedy: Put the files of one log into the folder.
 */
export const foreignSegment = defineError(
  Code.FailedPrecondition,
  "<path> belongs to another log than <headFile>",
);
