import { Code, ConnectError } from "@connectrpc/connect";

/** The log does not open: `failed_precondition`. */
export function openError(message: string, cause?: unknown): ConnectError {
  return new ConnectError(message, Code.FailedPrecondition, undefined, undefined, cause);
}

/** The log was closed while something was asked of it: `unavailable`. */
export function closedError(): ConnectError {
  return new ConnectError("the log is closed", Code.Unavailable);
}

/** Messages are stored no longer, or not as they were written: `data_loss`. */
export function dataLossError(first: number, last: number, cause?: unknown): ConnectError {
  return new ConnectError(
    `messages ${first} to ${last} of the log are damaged or missing on the disk`,
    Code.DataLoss,
    undefined,
    undefined,
    cause,
  );
}

/** What follows a sequence was removed by retention: `out_of_range`. */
export function overtakenError(after: number, first: number): ConnectError {
  return new ConnectError(
    `what follows message ${after} was removed by retention: the oldest message kept is ${first}`,
    Code.OutOfRange,
  );
}

/** The id of a message is taken by another text: `already_exists`. */
export function idTakenError(messageId: string): ConnectError {
  return new ConnectError(
    `message_id ${JSON.stringify(messageId)} was used for another text: give each text an id of its own`,
    Code.AlreadyExists,
  );
}

/** Too much waits to be stored already: `resource_exhausted`. */
export function backlogError(): ConnectError {
  return new ConnectError(
    "too many messages wait to be stored: send them again later",
    Code.ResourceExhausted,
  );
}

/** A write failed, or may have: `unavailable` until the store was opened again. */
export function writeFaultError(cause: unknown): ConnectError {
  return new ConnectError(
    "the log takes no messages: a write to its disk failed, it is being opened again",
    Code.Unavailable,
    undefined,
    undefined,
    cause,
  );
}

/** The store is being opened again after a failed write: `unavailable`. */
export function reopeningError(): ConnectError {
  return new ConnectError(
    "older messages cannot be read now: the log is being opened again",
    Code.Unavailable,
  );
}

/** Another stream has taken the place of the log: `unavailable` for good. */
export function replacedError(): ConnectError {
  return new ConnectError(
    "the log is gone: its stream was deleted and made again, this server must be restarted",
    Code.Unavailable,
  );
}

/** JetStream does not answer, or not in time: `unavailable` until it does. */
export function natsAwayError(cause: unknown): ConnectError {
  return new ConnectError(
    "the log takes no messages now: NATS JetStream does not answer",
    Code.Unavailable,
    undefined,
    undefined,
    cause,
  );
}
