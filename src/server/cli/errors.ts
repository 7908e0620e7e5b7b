import { Code } from "@connectrpc/connect";
import { defineError, defineFailure } from "../../errors/define.js";

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
