import { ConnectError } from "@connectrpc/connect";
import type { HistoryResponse } from "../gen/chatter_pb.js";
import { LinkedAbort } from "./abort.js";
import type { CallSource } from "./call-source.js";
import { type ConnectionState, type StateListener, tellState } from "./connection-state.js";
import { Retry } from "./retry.js";
import { watchCall } from "./watched-call.js";

export interface HistoryOptions {
  /** A cursor: start after it. Not with `last`. Default: the oldest message that is kept. */
  readonly after?: string | undefined;
  /** A sequence: end before it. Default: the head. */
  readonly before?: bigint | undefined;
  /**
   * The last so many messages before the head, or before `before`, from 1. Not with
   * `after`. With `before` they are held in memory. Default: all.
   */
  readonly last?: number | undefined;
  /** At most so many messages, from 1. Default: all. */
  readonly limit?: number | undefined;
  /** Ends reading: the loop throws the signal's reason. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Is told how reading stands with the server, at once; it may take several calls. Default:
   * nobody.
   */
  readonly onState?: StateListener | undefined;
}

/** What one reading makes its calls with. */
interface Reading extends CallSource {
  readonly tell: StateListener;
}

/** A call that brings nothing for so long is taken for dead, in milliseconds. */
const silenceLimitMs = 45_000;

/** Reads what the options select, oldest first. Throws a RangeError or TypeError. */
export function readHistory(
  source: CallSource,
  options: HistoryOptions,
): AsyncIterable<HistoryResponse> {
  for (const name of ["last", "limit"] as const) {
    const count = options[name];
    if (count !== undefined && (!Number.isSafeInteger(count) || count < 1)) {
      throw new RangeError(`${name} is ${count}: it must be a whole number from 1`);
    }
  }
  if (options.after && options.last !== undefined) {
    throw new TypeError(`"after" and "last" exclude each other: give one`);
  }
  return select(source, options);
}

async function* select(
  source: CallSource,
  { after, before, last, limit = Number.POSITIVE_INFINITY, signal, onState }: HistoryOptions,
): AsyncGenerator<HistoryResponse, void> {
  const end = new LinkedAbort(source.closing, signal);
  const tell: StateListener = (state) => tellState(onState, state);
  const reading = { ...source, closing: end.signal, tell };
  let closed: ConnectionState = { status: "closed" };
  try {
    if (before !== undefined && last !== undefined) {
      yield* (await lastBefore(reading, before, last)).slice(0, limit);
      return;
    }
    for await (const message of follow(reading, { after, last, limit })) {
      if (before !== undefined && message.sequence >= before) {
        return;
      }
      yield message;
    }
  } catch (error) {
    if (!end.signal.aborted) {
      closed = { status: "closed", reason: ConnectError.from(error) };
    }
    throw error;
  } finally {
    end.abort();
    tell(closed);
  }
}

/**
 * The last messages before a sequence. The schema counts from the head, which may move on
 * between the calls that this takes: then fewer come, and it tries again with more to spare.
 */
async function lastBefore(
  source: Reading,
  before: bigint,
  last: number,
): Promise<HistoryResponse[]> {
  for (let spare = 0; ; spare = 2 * spare + last) {
    const newest = await one(follow(source, { last: 1 }));
    if (newest === undefined) {
      return [];
    }
    const behind = newest.sequence >= before ? Number(newest.sequence - before) + 1 : 0;
    const messages: HistoryResponse[] = [];
    for await (const message of follow(source, { last: behind + last + spare })) {
      if (message.sequence >= before) {
        break;
      }
      // With some to spare, or where sequences have gaps, it began too early.
      if (messages.push(message) > last) {
        messages.shift();
      }
    }
    if (messages.length === last) {
      return messages;
    }
    const oldest = await one(follow(source, { limit: 1 }));
    const first = messages[0]?.sequence ?? before;
    if (oldest === undefined || oldest.sequence >= first) {
      return messages;
    }
  }
}

async function one<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) {
    return item;
  }
  return undefined;
}

type Selection = Pick<HistoryOptions, "after" | "last" | "limit">;

/** Reads a selection; when a call breaks, it goes on after the last message. */
async function* follow(
  source: Reading,
  { after, last = 0, limit = Number.POSITIVE_INFINITY }: Selection,
): AsyncGenerator<HistoryResponse, void> {
  const { client, tokens, closing, tell } = source;
  const retry = new Retry(tokens, closing, tell);
  let cursor = after;
  // Also when it goes on by the cursor, and the head is another one.
  let left = last > 0 ? Math.min(last, limit) : limit;
  for (;;) {
    try {
      const headers = await retry.begin();
      const request = {
        after: cursor,
        last: cursor ? 0n : BigInt(last),
        limit: Number.isFinite(left) ? BigInt(left) : 0n,
      };
      const open = (signal: AbortSignal) => client.history(request, { headers, signal });
      for await (const message of watchCall(source, open, closing, silenceLimitMs)) {
        retry.progressed();
        cursor = message.cursor;
        left--;
        yield message;
      }
      return;
    } catch (error) {
      if (left === 0) {
        return;
      }
      await retry.afterFailure(error);
    }
  }
}
