import type { HistoryResponse } from "../gen/chatter_pb.js";
import type { CallSource } from "./call-source.js";
import { checkCount, checkRooms } from "./checks.js";
import type { StateListener } from "./connection-state.js";
import { afterAndLast } from "./errors.js";
import { Reading, resumed } from "./resumed-stream.js";

export interface HistoryOptions {
  /**
   * Names and patterns of rooms, at most 1,000: "team/alpha", "team/*" for those below "team", "*"
   * for all that the token may read. `last` and `limit` count messages of these. Default: the
   * room "main".
   */
  readonly rooms?: readonly string[] | undefined;
  /** A cursor: start after it. Not with `last`. Default: the oldest message that is kept. */
  readonly after?: string | undefined;
  /** A sequence: end before it. Default: the head. */
  readonly before?: bigint | undefined;
  /**
   * The number of messages, counted back from the head, or from `before`; at least 1. Not with
   * `after`. With `before` they are held in memory. Default: all.
   */
  readonly last?: number | undefined;
  /** Maximum number of messages, from 1. Default: all. */
  readonly limit?: number | undefined;
  /** Ends reading: the loop throws the signal's reason. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called synchronously with the state of the connection; reading may take several calls. Default:
   * nothing is called.
   */
  readonly onState?: StateListener | undefined;
}

/** Reads what the options select, oldest first. Throws a RangeError or TypeError. */
export function readHistory(
  source: CallSource,
  options: HistoryOptions,
): AsyncIterable<HistoryResponse> {
  for (const name of ["last", "limit"] as const) {
    const count = options[name];
    if (count !== undefined) {
      checkCount(name, count, 1);
    }
  }
  if (options.after && options.last !== undefined) {
    throw afterAndLast();
  }
  return select(source, { ...options, rooms: checkRooms(options.rooms ?? []) });
}

type CheckedOptions = HistoryOptions & { readonly rooms: readonly string[] };

async function* select(
  source: CallSource,
  options: CheckedOptions,
): AsyncGenerator<HistoryResponse, void> {
  const { rooms, after, before, last, limit = Number.POSITIVE_INFINITY } = options;
  const reading = new Reading(source, options);
  try {
    if (before !== undefined && last !== undefined) {
      yield* (await lastBefore(reading, rooms, before, last)).slice(0, limit);
      return;
    }
    for await (const message of follow(reading, { rooms, after, last, limit })) {
      if (before !== undefined && message.sequence >= before) {
        return;
      }
      yield message;
    }
  } catch (error) {
    throw reading.failed(error);
  } finally {
    reading.close();
  }
}

/**
 * The last messages before a sequence. The schema counts from the head, and it is unknown how many
 * messages of the rooms follow the sequence: if too few come, it tries again with more.
 */
async function lastBefore(
  source: Reading,
  rooms: readonly string[],
  before: bigint,
  last: number,
): Promise<HistoryResponse[]> {
  for (let behind = last; ; ) {
    const count = behind + last;
    const messages: HistoryResponse[] = [];
    let first: bigint | undefined;
    for await (const message of follow(source, { rooms, last: count })) {
      first ??= message.sequence;
      if (message.sequence >= before) {
        break;
      }
      if (messages.push(message) > last) {
        messages.shift();
      }
    }
    if (messages.length === last) {
      return messages;
    }
    const oldest = await one(follow(source, { rooms, limit: 1 }));
    const newest = await one(follow(source, { rooms, last: 1 }));
    const hasRest = oldest && newest && oldest.sequence < (first ?? newest.sequence + 1n);
    if (!hasRest) {
      return messages;
    }
    // Assumes that messages are as dense elsewhere as in the range that was read. That range is empty
    // if the head has moved too far.
    const read = first === undefined ? count : Number(newest.sequence - first) + 1;
    const wanted = Number(newest.sequence - before) + 1;
    behind = Math.max(2 * behind, Math.ceil((count * wanted) / read));
  }
}

async function one<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) {
    return item;
  }
  return undefined;
}

type Selection = Pick<CheckedOptions, "rooms" | "after" | "last" | "limit">;

/** Reads a selection; when a call breaks, it continues after the last message. */
async function* follow(
  source: Reading,
  { rooms, after, last = 0, limit = Number.POSITIVE_INFINITY }: Selection,
): AsyncGenerator<HistoryResponse, void> {
  let cursor = after;
  // Also when it continues from the cursor, and the head has moved.
  let left = last > 0 ? Math.min(last, limit) : limit;
  const messages = resumed(source, {
    open(options) {
      const request = {
        after: cursor,
        last: cursor ? 0n : BigInt(last),
        limit: Number.isFinite(left) ? BigInt(left) : 0n,
        rooms: [...rooms],
      };
      return source.client.history(request, options);
    },
    isDone: () => left === 0,
  });
  for await (const message of messages) {
    cursor = message.cursor;
    left--;
    yield message;
  }
}
