import type { MethodImpl } from "@connectrpc/connect";
import { type ChatterService, HistoryResponseSchema } from "../../gen/chatter_pb.js";
import type { MessageLog } from "../log/message-log.js";
import { callerOf } from "./call/context.js";
import { respondCounted, sentCount } from "./passthrough/stream-io.js";
import { readRange, storedRange, turnsOf } from "./reading/range.js";
import type { ReadTurns } from "./reading/read-turns.js";
import { selectedRooms } from "./reading/selected-rooms.js";
import { viewOf } from "./reading/view.js";

/**
 * History: the stored messages of some rooms, up to the head of the log when the call was accepted.
 *
 * @param reads takes turns among the readers of this log
 */
export function createHistory(
  log: MessageLog,
  reads: ReadTurns,
): MethodImpl<typeof ChatterService.method.history> {
  return async function* history(request, context) {
    const encode = viewOf(request.view);
    const caller = callerOf(context);
    const read = turnsOf(reads, log, caller.subject);
    const rooms = selectedRooms(request.rooms, context);
    const range = await storedRange(log, request, rooms, context.signal);
    yield* respondCounted(context, HistoryResponseSchema, envelopes());

    async function* envelopes(): AsyncGenerator<Uint8Array> {
      const count = sentCount(context);
      for await (const batch of readRange(read, range, context.signal)) {
        count.sent += batch.count;
        yield encode(batch);
      }
    }
  };
}
