import { Code } from "@connectrpc/connect";
import { defineError, defineFailure } from "../../errors/define.js";

/**
 * The server is stopping.
 *
 * Remedy: Try again: the server will be back, or another one answers.
 */
export const closedError = defineError(Code.Unavailable, "the log is closed");

/**
 * Part of a segment file was changed or lost, for example by a failing disk.
 *
 * Remedy: Readers continue after the last of these messages. The operator restores a backup, see
 * [backup.md](backup.md).
 */
export const dataLossError = defineError(
  Code.DataLoss,
  "messages <first> to <last> of the log are damaged or missing on the disk",
);

/**
 * A reader was so slow that the messages it had to read next were removed.
 *
 * Remedy: Continue with the oldest message, or keep more messages (`--retain-…`).
 */
export const overtakenError = defineError(
  Code.OutOfRange,
  "what follows message <after> was removed by retention: the oldest message kept is <first>",
);

/**
 * The same user posted another text, or posted to another room, with this `message_id`, within
 * the dedupe window.
 *
 * Remedy: Make a new id for each message, and use it again only to repeat the same message.
 */
export const idTakenError = defineError(
  Code.AlreadyExists,
  "message_id <id> was used for another text or room: give each message an id of its own",
);

/**
 * Messages arrive faster than the disk, or NATS, stores them.
 *
 * Remedy: Try again after a pause. Client libraries do.
 */
export const backlogError = defineError(
  Code.ResourceExhausted,
  "too many messages wait to be stored: send them again later",
);

/**
 * A write failed, for example because the disk is full. The server log has the reason.
 *
 * Remedy: Try again with the same `message_id`: the post may be stored. The operator makes room.
 */
export const writeFaultError = defineError(
  Code.Unavailable,
  "the log accepts no messages: it cannot be written to, and is being opened again",
);

/**
 * A segment file cannot be read at the moment. The server log has the reason.
 *
 * Remedy: Try again later.
 */
export const unreadableError = defineError(
  Code.Unavailable,
  "older messages cannot be read now: try again later",
);

/**
 * The log's folder was deleted or replaced while the server ran.
 *
 * Remedy: Put the folder back, and restart the server.
 */
export const folderGoneError = defineFailure("<path> was deleted, or another file is in its place");

/**
 * `--data-dir` is not a folder, cannot be written, or is the database of another program.
 *
 * Remedy: Choose another folder, or correct its permissions.
 */
export const unusableFolder = defineError(
  Code.FailedPrecondition,
  "the log cannot be kept in <dir>: <reason>",
);
