import { Code } from "@connectrpc/connect";
import { defineError } from "../../../errors/define.js";

/**
 * The folder has no log, or the path is wrong.
 *
 * Remedy: Correct `--data-dir`.
 */
export const noLog = defineError(Code.FailedPrecondition, "there is no log in <dir>");

/**
 * The file that says how far the import came is damaged.
 *
 * Remedy: Empty the folder, and import again.
 */
export const importMarkDamaged = defineError(
  Code.FailedPrecondition,
  "<path> is damaged: empty <dir> and begin anew",
);

/**
 * The folder has part of another import.
 *
 * Remedy: Finish that import, or empty the folder.
 */
export const otherImport = defineError(
  Code.FailedPrecondition,
  "another import into <dir> was not finished, that of log <log>: finish it, or empty the folder",
);

/**
 * The log in the folder is damaged.
 *
 * Remedy: Import into an empty folder.
 */
export const damagedTarget = defineError(
  Code.FailedPrecondition,
  "the log in <dir> cannot be imported into: <reason>",
);

/**
 * The folder has a log that the export is not of.
 *
 * Remedy: Import into an empty folder.
 */
export const otherLog = defineError(
  Code.FailedPrecondition,
  "there is another log in <dir> (<identity>, the export is of <from>): import into an empty folder",
);

/**
 * Messages are missing in the export, for example because NATS lost them.
 *
 * Remedy: Import with `--new-identity`.
 */
export const exportGap = defineError(
  Code.FailedPrecondition,
  "the export has a gap: messages <first> to <last> are missing, and the embedded log has none (a new identity numbers messages anew)",
);

/**
 * Both were written to after the export.
 *
 * Remedy: Import into an empty folder.
 */
export const partedLog = defineError(
  Code.FailedPrecondition,
  "the log in <dir> differs from the export at message <sequence>: import into an empty folder",
);

/**
 * The stream has more messages than the export.
 *
 * Remedy: Import into a new stream.
 */
export const longerStream = defineError(
  Code.FailedPrecondition,
  'the stream "<stream>" has <head> messages, the export <seen>: import into a new stream',
);

/**
 * The export has rooms other than `main`, and the stream was made before there were rooms.
 *
 * Remedy: Import into a new stream.
 */
export const roomlessStream = defineError(
  Code.FailedPrecondition,
  'the stream "<stream>" has no subjects for rooms: import into a new stream',
);

/**
 * Servers posted to the stream before the import.
 *
 * Remedy: Import into a new stream.
 */
export const partedStream = defineError(
  Code.FailedPrecondition,
  'the stream "<stream>" differs from the export at message <sequence>: import into a new stream, before servers post to it',
);

/**
 * The export is of a newer version of Chatter.
 *
 * Remedy: Use that version, or a newer one.
 */
export const newerExport = defineError(
  Code.InvalidArgument,
  "the export was written by a newer version of this program (form <form>, this one knows <known>): use that version",
);

/**
 * The file is something else, or compressed.
 *
 * Remedy: Correct the path. Decompress the file first: `zcat FILE | chatter log import`.
 */
export const notAnExport = defineError(
  Code.InvalidArgument,
  "this is not an export of a log: chatter log export makes one",
);

/**
 * A checksum does not match.
 *
 * Remedy: Use another copy of the export.
 */
export const damagedExport = defineError(
  Code.DataLoss,
  "the export is damaged between byte <from> and byte <to>",
);
