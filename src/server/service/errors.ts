import { Code } from "@connectrpc/connect";
import { defineError } from "../../errors/define.js";

/**
 * A post has no text.
 *
 * Remedy: Leave empty messages out.
 */
export const emptyMessage = defineError(
  Code.InvalidArgument,
  "message is empty: it must have <least> to <most> bytes of UTF-8",
);

/**
 * The text of a post is longer than `--max-text-bytes`.
 *
 * Remedy: Split the text, or store it elsewhere and post a link.
 */
export const longMessage = defineError(
  Code.InvalidArgument,
  "message has <bytes> bytes: it must have <least> to <most> bytes of UTF-8",
);

/**
 * The `message_id` of a post is too long.
 *
 * Remedy: Use a shorter id, for example a UUID.
 */
export const longMessageId = defineError(
  Code.InvalidArgument,
  "message_id has <bytes> bytes: it must have at most <most> bytes of UTF-8",
);

/**
 * The cursor was made up, cut or changed.
 *
 * Remedy: Send the `cursor` of a message, a bookmark or the header `chatter-cursor` as it came.
 */
export const malformedCursor = defineError(
  Code.InvalidArgument,
  '"<field>" is not a cursor: send the cursor of an earlier answer, 16 characters, unchanged',
);

/**
 * The client was connected to another server, or the server has a new, empty log.
 *
 * Remedy: Forget the cursor, and read the history from its start.
 */
export const foreignCursor = defineError(Code.OutOfRange, '"<field>" is a cursor of another log');

/**
 * The log was restored from a backup that is older than the cursor.
 *
 * Remedy: Forget the cursor, and read the history from its start.
 */
export const cursorBeyondHead = defineError(
  Code.OutOfRange,
  '"<field>" lies beyond the head of the log',
);

/**
 * The client was away for so long that messages it has not read were removed.
 *
 * Remedy: Read the history from its start; the messages between are lost to this client.
 */
export const expiredCursor = defineError(
  Code.OutOfRange,
  'what follows "<field>" was removed by retention: the oldest message kept is <first>',
);

/**
 * A request of History has both.
 *
 * Remedy: Give one of them.
 */
export const afterAndLast = defineError(
  Code.InvalidArgument,
  '"after" and "last" exclude each other: give one',
);

/**
 * A request of History asks for an unknown view.
 *
 * Remedy: Use one of the two, or leave the field out.
 */
export const unknownView = defineError(
  Code.InvalidArgument,
  "view <view> does not exist: use VIEW_DEFAULT (1) or VIEW_TINY (2)",
);

/**
 * A request of Subscribe asks for bookmarks at too long an interval.
 *
 * Remedy: Use a number in the range; 0 is no bookmarks.
 */
export const invalidBookmarkSeconds = defineError(
  Code.InvalidArgument,
  "bookmark_seconds is <seconds>: it must be 0 to <most>",
);

/**
 * The answer of Summary would exceed what gRPC clients accept. All messages are stored.
 *
 * Remedy: Send fewer messages in one stream, or use Listener or Echoer.
 */
export const largeSummary = defineError(
  Code.ResourceExhausted,
  "the summary is larger than 4 MiB: send fewer messages in one stream, or use Listener",
);

/**
 * A login has only one of `user` and `password`.
 *
 * Remedy: Send both.
 */
export const emptyLoginField = defineError(
  Code.InvalidArgument,
  '<field> is empty: give both user and password, or neither and "Authorization: Basic"',
);

/**
 * A health check names a service that the server does not have.
 *
 * Remedy: Correct the name; reflection lists the services. `""` is the server itself.
 */
export const unknownService = defineError(
  Code.NotFound,
  'there is no service <name>: use reflection, or "" for the server',
);

/**
 * A request names a room that cannot exist.
 *
 * Remedy: Use a name by the rule in the text. No room at all is `main`.
 */
export const invalidRoom = defineError(Code.InvalidArgument, "room <room> is not valid: <rule>");

/**
 * A request selects rooms with a malformed pattern.
 *
 * Remedy: Use a pattern by the rule in the text, such as `team/*`.
 */
export const invalidPattern = defineError(
  Code.InvalidArgument,
  "<pattern> is not a valid pattern: <rule>",
);

/**
 * The query of a posting WebSocket in goa's dialect names several rooms.
 *
 * Remedy: Name one room, and open a WebSocket for each.
 */
export const secondRoom = defineError(
  Code.InvalidArgument,
  "room is given <times> times: a stream posts to one room",
);

/**
 * A request selects rooms one by one, and too many of them.
 *
 * Remedy: Use patterns, or several calls.
 */
export const manyRooms = defineError(
  Code.InvalidArgument,
  "rooms has <count> names and patterns: it must have at most <most>; a pattern such as team/* selects many",
);

/**
 * A request of Rooms has a prefix that no room has.
 *
 * Remedy: Correct it, or leave it out for all rooms.
 */
export const invalidRoomPrefix = defineError(
  Code.InvalidArgument,
  '<field> is not the beginning of a room\'s name: it has at most <most> characters, A-Z, a-z, 0-9, "_", "-" and "/"',
);

/**
 * A request of Read asks for too many messages.
 *
 * Remedy: Use a number in the range; 0 is the default. Call again from the cursor for more.
 */
export const invalidReadLimit = defineError(
  Code.InvalidArgument,
  "limit is <limit>: it must be 0 to <most>",
);

/**
 * A request of Read is to wait for too long.
 *
 * Remedy: Use a number in the range, and call again.
 */
export const invalidWait = defineError(
  Code.InvalidArgument,
  "wait_seconds is <seconds>: it must be 0 to <most>",
);
