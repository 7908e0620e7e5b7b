import { JetStreamApiError } from "@nats-io/jetstream";
import { errors } from "@nats-io/transport-node";
import { CallError } from "../../../errors/call-error.js";
import { apiErrors, isForbidden } from "./api-errors.js";
import {
  natsConnectionLost,
  natsFull,
  natsLoginRefused,
  natsLost,
  natsNoLeader,
  natsNoQuorum,
  natsPostForbidden,
  natsReplaced,
  natsSilent,
  natsSubjectChanged,
  natsTooLarge,
  natsUnfit,
} from "./errors.js";

/** Why a log on NATS accepts no messages, or not this one. */
export type NatsFaultReason = keyof typeof kinds;

const kinds = {
  no_connection: natsConnectionLost,
  no_login: natsLoginRefused,
  no_answer: natsSilent,
  no_leader: natsNoLeader,
  no_quorum: natsNoQuorum,
  no_permission: natsPostForbidden,
  full: natsFull,
  too_large: natsTooLarge,
  lost: natsLost,
  replaced: natsReplaced,
  subject: natsSubjectChanged,
  settings: natsUnfit,
} as const;

/** A fault of NATS, with its reason; `unavailable`, except for a message that is too large. */
export class NatsFault extends CallError {
  readonly reason: NatsFaultReason;

  constructor(reason: NatsFaultReason, cause?: unknown) {
    const { text, code } = kinds[reason];
    super(text, code, undefined, undefined, cause);
    this.reason = reason;
  }
}

const fullCodes: readonly number[] = [
  apiErrors.insufficientResources,
  apiErrors.storageExceeded,
  apiErrors.memoryExceeded,
  apiErrors.accountExceeded,
  apiErrors.storeFailed,
];

/** What an error of NATS means for the log. */
export function natsFaultOf(error: unknown): NatsFault {
  return error instanceof NatsFault ? error : new NatsFault(reasonOf(error), error);
}

function reasonOf(error: unknown): NatsFaultReason {
  if (isForbidden(error)) {
    return "no_permission";
  }
  if (error instanceof errors.AuthorizationError) {
    return "no_login";
  }
  if (error instanceof errors.NoRespondersError) {
    return "no_leader";
  }
  if (error instanceof JetStreamApiError) {
    if (error.code === apiErrors.messageTooLarge) {
      return "too_large";
    }
    if (fullCodes.includes(error.code)) {
      return "full";
    }
    return error.code === apiErrors.clusterUnavailable ? "no_leader" : "no_answer";
  }
  // What the NATS client says about a message that it does not even send.
  return error instanceof Error && /max_payload/i.test(error.message) ? "too_large" : "no_answer";
}
