import type { Batch, MessageLog } from "../../log/message-log.js";
import type { RoomSelection } from "../../rooms/room-selection.js";
import { afterAndLast } from "../errors.js";
import type { ReadTurns } from "./read-turns.js";
import { resolveCursor } from "./resolve-cursor.js";

/** What to read of the log. */
export interface Range {
  /** The sequence after which to begin. */
  readonly after: number;
  /** The last sequence to read. */
  readonly through: number;
  /** Maximum number of messages; 0 means all. */
  readonly limit: number;
  readonly rooms: RoomSelection;
}

/** Where a reader starts, and how many messages it reads. */
interface StoredRequest {
  readonly after: string;
  readonly last: bigint;
  readonly limit: bigint;
}

/**
 * The stored messages that a request selects, up to the current head.
 *
 * Rejects with the signal's reason, with `invalid_argument` if it has both a cursor and `last`, and
 * as `resolveCursor` does.
 */
export async function storedRange(
  log: MessageLog,
  request: StoredRequest,
  rooms: RoomSelection,
  signal: AbortSignal,
): Promise<Range> {
  if (request.after !== "" && request.last !== 0n) {
    throw afterAndLast();
  }
  const limit = toCount(request.limit);
  if (request.after !== "") {
    const after = await resolveCursor(log, request.after);
    return { after, through: log.head, limit, rooms };
  }
  const through = log.head;
  if (request.last !== 0n) {
    const after = await log.beforeLast(toCount(request.last), rooms, signal);
    return { after, through, limit, rooms };
  }
  return { after: log.first - 1, through, limit, rooms };
}

/** No log has more messages than a number can count. */
function toCount(count: bigint): number {
  return count > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(count);
}

/** The log's `read`, in turns by user. */
export function turnsOf(reads: ReadTurns, log: MessageLog, user: string): MessageLog["read"] {
  return (after, options) => reads.run(user, () => log.read(after, options));
}

/** Stored messages of a range, batch by batch, as fast as the consumer takes them. */
export async function* readRange(
  read: MessageLog["read"],
  range: Range,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  let { after } = range;
  let left = range.limit === 0 ? Number.POSITIVE_INFINITY : range.limit;
  while (after < range.through && left > 0) {
    signal.throwIfAborted();
    const limit = Number.isFinite(left) ? left : undefined;
    const { through, rooms } = range;
    const batch = await read(after, { through, limit, rooms, signal });
    if (!batch) {
      return;
    }
    yield batch;
    after = batch.last;
    left -= batch.count;
  }
}
