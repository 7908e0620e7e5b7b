import type { ReadResponse } from "../gen/chatter_pb.js";
import { untilAnswered } from "./answered-call.js";
import type { CallSource } from "./call-source.js";
import { checkCount, checkRooms } from "./checks.js";
import { afterAndLast } from "./errors.js";

export interface ReadOptions {
  /** Names and patterns of rooms, at most 1,000. Default: the room "main". */
  readonly rooms?: readonly string[] | undefined;
  /** A cursor: start after it. Not with `last`. Default: the oldest message that is kept. */
  readonly after?: string | undefined;
  /** How many messages before the head to start, from 1. Not with `after`. */
  readonly last?: number | undefined;
  /** Maximum number of messages, 1 to 1,000. Default: 100. */
  readonly limit?: number | undefined;
  /**
   * If there is no message, how many seconds to wait for the first one, 0 to 60. Default: 0, it
   * does not wait.
   */
  readonly waitSeconds?: number | undefined;
  /** Gives up: it rejects with the signal's reason. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

const maxLimit = 1000;
const maxWaitSeconds = 60;
/**
 * How long an answer may take in addition to its wait before the call is considered dead, in
 * milliseconds.
 */
const silenceLimitMs = 45_000;

/** Reads the selected messages in one call. */
export async function read(
  source: CallSource,
  { rooms = [], after = "", last, limit, waitSeconds = 0, signal }: ReadOptions,
): Promise<ReadResponse> {
  if (after !== "" && last !== undefined) {
    throw afterAndLast();
  }
  const request = {
    rooms: checkRooms(rooms),
    after,
    last: last === undefined ? 0n : BigInt(checkCount("last", last, 1)),
    limit: limit === undefined ? 0 : checkCount("limit", limit, 1, maxLimit),
    waitSeconds: checkCount("waitSeconds", waitSeconds, 0, maxWaitSeconds),
  };
  return untilAnswered(source, {
    call: (options) => source.client.read(request, options),
    signal,
    silenceLimitMs: silenceLimitMs + waitSeconds * 1000,
    waitMs: waitSeconds * 1000,
  });
}
