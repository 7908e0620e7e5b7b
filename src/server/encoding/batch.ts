import { cursorLength, readCursorSequence } from "./cursor.js";
import { envelopeEnd, envelopePrefixLength } from "./envelope.js";
import { storedRoom } from "./stored-message.js";

/**
 * Consecutive messages in their stored form. Sequences between the first and the last may be
 * missing, if the engine has gaps. Shared by readers: never changed.
 */
export interface Batch {
  /** Sequence of the first message. */
  readonly first: number;
  /** Sequence of the last message. */
  readonly last: number;
  /** How many messages there are. */
  readonly count: number;
  /**
   * The messages, each as a HistoryResponse in the default view inside a Connect/gRPC
   * envelope (one flag byte 0, four bytes of length, the message). At most `maxBatchBytes`,
   * or one message.
   */
  readonly bytes: Uint8Array;
}

/** Maximum size of a batch that has more than one message, in bytes. */
export const maxBatchBytes = 65_536;

/**
 * The part of a batch that follows `after`, goes no further than `through` and has at most `limit`
 * messages; undefined if nothing is left. Its bytes are a view, not a copy; the batch itself if
 * nothing is cut off.
 */
export function sliceBatch(
  batch: Batch,
  after: number,
  through = batch.last,
  limit = batch.count,
): Batch | undefined {
  if (after < batch.first && through >= batch.last && limit >= batch.count) {
    return batch;
  }
  const first = Math.max(batch.first, after + 1);
  const last = Math.min(batch.last, through, first + limit - 1);
  if (first > last) {
    return undefined;
  }
  if (batch.count < batch.last - batch.first + 1) {
    return sliceWithHoles(batch, after, through, limit);
  }
  const { bytes } = batch;
  let start = 0;
  for (let sequence = batch.first; sequence < first; sequence++) {
    start = envelopeEnd(bytes, start);
  }
  let end = bytes.length;
  if (last < batch.last) {
    end = start;
    for (let sequence = first; sequence <= last; sequence++) {
      end = envelopeEnd(bytes, end);
    }
  }
  return { first, last, count: last - first + 1, bytes: bytes.subarray(start, end) };
}

/** As `sliceBatch`, for a batch in which sequences are missing. */
function sliceWithHoles(
  { bytes }: Batch,
  after: number,
  through: number,
  limit: number,
): Batch | undefined {
  let start = 0;
  let end = 0;
  let first = 0;
  let last = 0;
  let count = 0;
  while (end < bytes.length && count < limit) {
    const next = envelopeEnd(bytes, end);
    const sequence = storedSequence(bytes, next);
    if (sequence > through) {
      break;
    }
    if (sequence <= after) {
      start = next;
    } else {
      first = count === 0 ? sequence : first;
      last = sequence;
      count++;
    }
    end = next;
  }
  return count === 0 ? undefined : { first, last, count, bytes: bytes.subarray(start, end) };
}

/** The sequence of the stored message that ends at `end`: its cursor is its last field. */
function storedSequence(bytes: Uint8Array, end: number): number {
  return readCursorSequence(bytes, end - cursorLength);
}

/** The wanted messages of a batch, by their rooms; undefined if there are none. A copy. */
export function selectRooms(batch: Batch, isWanted: (room: string) => boolean): Batch | undefined {
  const bytes = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.length);
  const parts: Uint8Array[] = [];
  let first = 0;
  let last = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = envelopeEnd(bytes, at);
    if (isWanted(storedRoom(bytes, at + envelopePrefixLength, end))) {
      last = storedSequence(bytes, end);
      first = parts.length === 0 ? last : first;
      parts.push(bytes.subarray(at, end));
    }
    at = end;
  }
  if (parts.length === batch.count) {
    return batch;
  }
  return parts.length === 0
    ? undefined
    : { first, last, count: parts.length, bytes: Buffer.concat(parts) };
}

/** Joins consecutive batches, at least one; a copy if there are several. */
export function joinBatches(batches: readonly Batch[]): Batch {
  const first = batches[0]!;
  const last = batches[batches.length - 1]!;
  if (first === last) {
    return first;
  }
  return {
    first: first.first,
    last: last.last,
    count: batches.reduce((sum, { count }) => sum + count, 0),
    bytes: Buffer.concat(batches.map((batch) => batch.bytes)),
  };
}
