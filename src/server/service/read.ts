import type { HandlerContext, MethodImpl } from "@connectrpc/connect";
import { type ChatterService, HistoryResponseSchema } from "../../gen/chatter_pb.js";
import { sliceBatch } from "../encoding/batch.js";
import { formatCursor } from "../encoding/cursor.js";
import { decodeEnvelopes } from "../encoding/envelope.js";
import type { Batch, MessageLog } from "../log/message-log.js";
import type { RoomSelection } from "../rooms/room-selection.js";
import { callerOf, unreadKey } from "./call/context.js";
import { lifetimeKey } from "./call/lifetime.js";
import { invalidReadLimit, invalidWait } from "./errors.js";
import { Follower } from "./reading/follower.js";
import type { HeadNotifier } from "./reading/head-notifier.js";
import { readRange, storedRange, turnsOf } from "./reading/range.js";
import type { ReadTurns } from "./reading/read-turns.js";
import { selectedRooms } from "./reading/selected-rooms.js";
import { viewOf } from "./reading/view.js";

const defaultLimit = 100;
const maxLimit = 1000;
const maxWaitSeconds = 60;
/** Maximum size of an answer's messages, in bytes; the first batch may be larger. */
const maxBytes = 1024 * 1024;

/**
 * Read: stored messages after a cursor, and the cursor for the next Read; if there are none, it
 * waits for the first one.
 *
 * @param notifier wakes calls that wait for new messages of this log
 * @param reads takes turns among the readers of this log
 */
export function createRead(
  log: MessageLog,
  notifier: HeadNotifier,
  reads: ReadTurns,
): MethodImpl<typeof ChatterService.method.read> {
  return async function read(request, context) {
    const limit = request.limit === 0 ? defaultLimit : request.limit;
    checkNumbers(limit, request.waitSeconds);
    const encode = viewOf(request.view);
    const caller = callerOf(context);
    const rooms = selectedRooms(request.rooms, context);
    const wanted = { ...request, limit: BigInt(limit) };
    const range = await storedRange(log, wanted, rooms, context.signal);
    const batches: Batch[] = [];
    let bytes = 0;
    let place = range.through;
    for await (const batch of readRange(
      turnsOf(reads, log, caller.subject),
      range,
      context.signal,
    )) {
      bytes += batch.bytes.length;
      if (batches.length > 0 && bytes > maxBytes) {
        break;
      }
      batches.push(batch);
      place = batch.last;
    }
    if (batches.length === 0 && request.waitSeconds > 0) {
      const next = await firstAfter(place, rooms, request.waitSeconds, context);
      if (typeof next === "number") {
        place = next;
      } else {
        batches.push(sliceBatch(next, place, undefined, limit)!);
        place = batches[0]!.last;
      }
    }
    const encoded = batches.map(encode);
    // Counted until the client has received it: a stream holds one batch at a time, Read its
    // answer.
    const answered = encoded.reduce((sum, { length }) => sum + length, 0);
    const tooMuch = context.values.get(unreadKey).add(answered);
    if (tooMuch) {
      throw tooMuch;
    }
    context.responseHeader.set("cache-control", "no-store");
    return {
      messages: encoded.flatMap((part) => [...decodeEnvelopes(HistoryResponseSchema, part)]),
      cursor: formatCursor(log.identity, place),
    };
  };

  /**
   * The next message that is added to the rooms; if none is in time, the sequence up to which the
   * rooms have none.
   */
  async function firstAfter(
    after: number,
    rooms: RoomSelection,
    seconds: number,
    context: HandlerContext,
  ): Promise<Batch | number> {
    const user = callerOf(context).subject;
    context.values.get(lifetimeKey)?.lasts(user);
    const follower = new Follower<Batch | number>(log, notifier, reads, {
      after,
      rooms,
      user,
      idleMs: seconds * 1000,
      signal: context.signal,
      count: { received: 0, sent: 0 },
      call: undefined,
      ofBatch: (batch) => batch,
      ofIdle: (place) => place,
    });
    try {
      const { value } = await follower.next();
      return value ?? after;
    } finally {
      await follower.return();
    }
  }
}

function checkNumbers(limit: number, waitSeconds: number): void {
  if (limit > maxLimit) {
    throw invalidReadLimit({ limit, most: maxLimit });
  }
  if (waitSeconds > maxWaitSeconds) {
    throw invalidWait({ seconds: waitSeconds, most: maxWaitSeconds });
  }
}
