import { errors } from "@nats-io/transport-node";

/** What JetStream says when … */
export const apiErrors = {
  /** … it has no such stream */
  streamNotFound: 10059,
  /** … there is one of that name, with other settings */
  streamNameInUse: 10058,
  /** … there are not enough nodes; they may still be starting */
  noPeers: 10005,
  /** … more than one replica is requested of a server that is in no cluster */
  replicasWithoutCluster: 10074,
  /** … there is no message with a sequence */
  noMessage: 10037,
  /** … a message with this id is being stored right now */
  idInProcess: 10158,
  /** … the stream does not end where the request said */
  wrongLastMessage: 10070,
  wrongLastSequence: 10071,
  wrongLastSequenceConstant: 10164,
  /** … one message of a batch has an id that was already used */
  batchHasRepeat: 10201,
  /** … a batch did not arrive as a whole */
  batchIncomplete: 10176,
  /** … too many batches are in flight */
  tooManyBatches: 10210,
  /** … a message is larger than `max_msg_size` */
  messageTooLarge: 10054,
  /** … there is no space: on the node, its disk, its memory, or in the account */
  insufficientResources: 10023,
  storageExceeded: 10047,
  memoryExceeded: 10028,
  accountExceeded: 10002,
  storeFailed: 10077,
  /** … its nodes have no leader */
  clusterUnavailable: 10008,
} as const;

/** Whether NATS forbids the request; what it says about it is in the causes of an error. */
export function isForbidden(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof errors.PermissionViolationError) {
      return true;
    }
  }
  return false;
}
