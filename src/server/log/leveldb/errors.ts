import { Code } from "@connectrpc/connect";
import { defineError } from "../../../errors/define.js";

/**
 * The log was used with a newer version of Chatter.
 *
 * Remedy: Use that version, or a newer one.
 */
export const newerHead = defineError(
  Code.FailedPrecondition,
  "<path> was written by a newer version of this program: use that version",
);

/**
 * Parts of two backups are in one folder.
 *
 * Remedy: Restore both from one backup.
 */
export const mixedForms = defineError(
  Code.FailedPrecondition,
  "<head> has the new form of the log and <messages> the old one: put back both from one backup",
);

/**
 * An earlier upgrade left the old log there.
 *
 * Remedy: Move it to another place, or delete it.
 */
export const earlierUpgrade = defineError(
  Code.FailedPrecondition,
  "<path> is there, of an upgrade before: move it to another place first",
);

/**
 * A server has the log open.
 *
 * Remedy: Stop the server.
 */
export const upgradeInUse = defineError(
  Code.FailedPrecondition,
  "the log in <dir> is in use by another process: stop the server first",
);

/**
 * The first start of an old version was killed.
 *
 * Remedy: Remove the two, and start the server.
 */
export const nothingStored = defineError(
  Code.FailedPrecondition,
  "nothing was ever stored in <dir>, a first start broke off: remove <messages> and <head>, and start anew",
);

/**
 * The upgrade writes a second log beside the old one.
 *
 * Remedy: Make room, or move the folder to a larger disk.
 */
export const diskFull = defineError(
  Code.FailedPrecondition,
  "the disk of <dir> is full: an upgrade needs room for all messages again",
);

/**
 * The file that says how far the upgrade came is damaged.
 *
 * Remedy: Remove it, and run the upgrade again.
 */
export const markDamaged = defineError(Code.FailedPrecondition, "<path> is damaged");

/**
 * A file of the old log cannot be read.
 *
 * Remedy: Check the permissions and the disk.
 */
export const cannotRead = defineError(Code.FailedPrecondition, "cannot read <path>: <reason>");

/**
 * The upgrade compared its copy with the old log, and found a difference. Nothing was replaced.
 *
 * Remedy: Check the disk, and run the upgrade again.
 */
export const copyDiffers = defineError(
  Code.FailedPrecondition,
  "the copy in <dir> is not the same as the log: <what>",
);

/**
 * The old log was written by a version that is too old.
 *
 * Remedy: Upgrade it with an earlier version first.
 */
export const unknownForm = defineError(
  Code.FailedPrecondition,
  "the log in <folder> has form <form>: only form <known> is read",
);

/**
 * Parts of two logs are in one folder.
 *
 * Remedy: Restore both from one backup.
 */
export const foreignHead = defineError(
  Code.FailedPrecondition,
  "the head file of <folder> belongs to another log (<identity>)",
);

/**
 * The old log is damaged from its start.
 *
 * Remedy: Restore a backup, see [backup.md](backup.md).
 */
export const unreadableLog = defineError(
  Code.FailedPrecondition,
  "nothing of the log in <folder> can be read: <damage>",
);
