import { Code } from "@connectrpc/connect";
import { defineError } from "../../../errors/define.js";

/**
 * `max_payload` of the NATS server is too small.
 *
 * Remedy: Raise `max_payload` in the configuration of every nats-server.
 */
export const smallPayload = defineError(
  Code.FailedPrecondition,
  "NATS accepts at most <most> bytes a message: set max_payload to <needed> or more",
);

/**
 * The stream exists, and its configuration would lose or change messages.
 *
 * Remedy: Change the stream as the text says, or name another one with `--nats-stream`.
 */
export const unfitStream = defineError(
  Code.FailedPrecondition,
  'the stream "<stream>" of NATS cannot be the log: <flaws>',
);

/**
 * A command reads a stream that does not exist.
 *
 * Remedy: Correct `--nats-stream`.
 */
export const missingStream = defineError(Code.FailedPrecondition, 'NATS has no stream "<stream>"');

/**
 * The NATS user lacks a permission.
 *
 * Remedy: Give it the permission, see [nats.md](nats.md).
 */
export const probeForbidden = defineError(
  Code.FailedPrecondition,
  'NATS does not permit this server to create the stream "<probe>", which shows whether there is a quorum: the user must be allowed to publish to $JS.API.STREAM.CREATE.<probe>',
);

/**
 * The NATS user may not post to the subjects of rooms, or not read messages by their subject.
 *
 * Remedy: Give it the permission, see [nats.md](nats.md).
 */
export const roomsForbidden = defineError(
  Code.FailedPrecondition,
  "NATS does not permit this server to use rooms: the user must be allowed to publish to <subject>",
);

/**
 * Somebody posts to a room other than `main`, and the stream was made before there were rooms.
 *
 * Remedy: The operator converts the stream, see [nats.md](nats.md#a-stream-that-has-no-rooms).
 */
export const noRoomsError = defineError(
  Code.FailedPrecondition,
  "the log has no rooms but main: its stream in NATS must be converted, the server log says how",
);

/**
 * JetStream refused. The text has its reason.
 *
 * Remedy: Check JetStream, the permissions and `--nats-replicas`.
 */
export const unusableStream = defineError(
  Code.FailedPrecondition,
  'the stream "<stream>" of NATS cannot be used: <reason>',
);

/**
 * The user, password, token or key for NATS is wrong.
 *
 * Remedy: Correct the credentials, see [nats.md](nats.md).
 */
export const natsRefused = defineError(
  Code.FailedPrecondition,
  "NATS at <where> refuses this server: <reason>",
);

/**
 * No server of the list answered within `--nats-timeout`.
 *
 * Remedy: Start NATS, or correct the address.
 */
export const natsUnreachable = defineError(
  Code.FailedPrecondition,
  "NATS cannot be reached at <where>: <reason>",
);

/**
 * A file of credentials, keys or certificates is missing, or others can write it.
 *
 * Remedy: Correct the path or its mode.
 */
export const unusableNatsFile = defineError(
  Code.FailedPrecondition,
  "a file for NATS cannot be used: <reason>",
);

/**
 * JetStream did not deliver a message, after several attempts.
 *
 * Remedy: Check the cluster, and verify again.
 */
export const unreadableNatsMessage = defineError(
  Code.FailedPrecondition,
  'message <sequence> of the stream "<stream>" cannot be read: <reason>',
);

/**
 * Older versions have been seen to lose the order of messages.
 *
 * Remedy: Upgrade every node.
 */
export const oldNats = defineError(
  Code.FailedPrecondition,
  "nats-server <version> is too old: Chatter needs <oldest> or newer on every node",
);

/**
 * The server cannot reach any NATS server of its list.
 *
 * Remedy: Try again. The operator checks NATS and the network.
 */
export const natsConnectionLost = defineError(
  Code.Unavailable,
  "the log accepts no messages now: the connection to NATS is lost",
);

/**
 * The user of the server was removed from NATS, or its password changed.
 *
 * Remedy: Correct the credentials, and restart the server.
 */
export const natsLoginRefused = defineError(
  Code.Unavailable,
  "the log accepts no messages now: NATS no longer admits this server",
);

/**
 * JetStream did not acknowledge in time. The post may be stored.
 *
 * Remedy: Try again with the same `message_id`.
 */
export const natsSilent = defineError(
  Code.Unavailable,
  "the log accepts no messages now: NATS JetStream does not answer",
);

/**
 * The nodes of the stream are electing a leader, or too few of them run.
 *
 * Remedy: Try again. The operator starts the missing nodes.
 */
export const natsNoLeader = defineError(
  Code.Unavailable,
  "the log accepts no messages now: its stream has no leader in NATS JetStream",
);

/**
 * Less than half of the replicas answer.
 *
 * Remedy: Try again. The operator starts the missing nodes.
 */
export const natsNoQuorum = defineError(
  Code.Unavailable,
  "NATS JetStream has no quorum now: what is stored is not certain, and no messages are accepted",
);

/**
 * The NATS user may not publish to the subject of the stream.
 *
 * Remedy: Give it the permission, see [nats.md](nats.md).
 */
export const natsPostForbidden = defineError(
  Code.Unavailable,
  "the log accepts no messages: NATS does not permit this server to post",
);

/**
 * The disk of a node, or a limit of the NATS account, is full.
 *
 * Remedy: Try again later. The operator makes room, or sets retention.
 */
export const natsFull = defineError(
  Code.Unavailable,
  "the log accepts no messages now: NATS JetStream has no room for them",
);

/**
 * Limits of NATS are smaller than those of Chatter.
 *
 * Remedy: Post a shorter message. The operator raises the limits.
 */
export const natsTooLarge = defineError(
  Code.ResourceExhausted,
  "the message is larger than NATS accepts: see max_payload, and max_msg_size of its stream",
);

/**
 * Nodes lost their disks, or were restored from a backup.
 *
 * Remedy: The operator decides, see [nats.md](nats.md).
 */
export const natsLost = defineError(
  Code.Unavailable,
  "the log accepts no messages: NATS JetStream has lost messages that it had acknowledged",
);

/**
 * Somebody deleted the stream.
 *
 * Remedy: The operator restarts all servers; clients begin anew.
 */
export const natsReplaced = defineError(
  Code.Unavailable,
  "the log is gone: its stream was deleted and made again, this server must be restarted",
);

/**
 * Somebody changed the configuration of the stream.
 *
 * Remedy: The operator changes it back, or restarts all servers.
 */
export const natsSubjectChanged = defineError(
  Code.Unavailable,
  "the log accepts no messages: the subject of its stream was changed in NATS",
);

/**
 * Somebody changed the configuration of the stream.
 *
 * Remedy: The operator changes it back; the server log names the setting.
 */
export const natsUnfit = defineError(
  Code.Unavailable,
  "the log accepts no messages: its stream was changed in NATS so that it cannot be the log",
);
