import { errors } from "@nats-io/transport-node";

/** What JetStream says when … */
export const apiErrors = {
  /** … it has no such stream */
  streamNotFound: 10059,
  /** … there is one of that name, with other settings */
  streamNameInUse: 10058,
  /** … there are not enough nodes, which may be starting still */
  noPeers: 10005,
  /** … more than one replica is asked of a server that is in no cluster */
  replicasWithoutCluster: 10074,
  /** … there is no message of a sequence */
  noMessage: 10037,
  /** … a message of this id is being stored just now */
  idInProcess: 10158,
  /** … the stream does not end where it was said to */
  wrongLastMessage: 10070,
  wrongLastSequence: 10071,
  wrongLastSequenceConstant: 10164,
  /** … one message of a batch has an id that was used */
  batchHasRepeat: 10201,
  /** … a batch did not come as a whole */
  batchIncomplete: 10176,
  /** … there are too many batches on their way */
  tooManyBatches: 10210,
  /** … a message is larger than `max_msg_size` */
  messageTooLarge: 10054,
  /** … there is no room: on the node, its disk, its memory, or in the account */
  insufficientResources: 10023,
  storageExceeded: 10047,
  memoryExceeded: 10028,
  accountExceeded: 10002,
  storeFailed: 10077,
  /** … its nodes have no leader */
  clusterUnavailable: 10008,
} as const;

/** Whether NATS does not allow what was asked; what it says of it lies in an error's causes. */
export function isForbidden(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof errors.PermissionViolationError) {
      return true;
    }
  }
  return false;
}
