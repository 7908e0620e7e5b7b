import { Code, ConnectError, type MethodImpl } from "@connectrpc/connect";
import {
  type ChatterService,
  type HistoryRequest,
  HistoryResponseSchema,
  View,
} from "../../gen/chatter_pb.js";
import { resolveCursor } from "../log/cursor.js";
import type { MessageLog } from "../log/message-log.js";
import { respond, sentCount } from "./encoded-wire.js";
import { type Range, readRange } from "./reading.js";
import { tinyOf } from "./views.js";

/** History: what is stored, up to the head as it stood when the call was accepted. */
export function createHistory(log: MessageLog): MethodImpl<typeof ChatterService.method.history> {
  return async function* history(request, context) {
    const tiny = isTiny(request.view);
    const range = await rangeOf(log, request);
    yield* respond(context, HistoryResponseSchema, envelopes());

    async function* envelopes(): AsyncGenerator<Uint8Array> {
      const count = sentCount(context);
      for await (const batch of readRange(log, range, context.signal)) {
        count.sent += batch.count;
        yield tiny ? tinyOf(batch) : batch.bytes;
      }
    }
  };
}

async function rangeOf(log: MessageLog, request: HistoryRequest): Promise<Range> {
  if (request.after !== "" && request.last !== 0n) {
    throw new ConnectError(`"after" and "last" exclude each other: give one`, Code.InvalidArgument);
  }
  const limit = toCount(request.limit);
  if (request.after !== "") {
    const after = await resolveCursor(log, request.after);
    return { after, through: log.head, limit };
  }
  const through = log.head;
  if (request.last !== 0n) {
    return { after: await log.beforeLast(toCount(request.last)), through, limit };
  }
  return { after: log.first - 1, through, limit };
}

/** No log has more messages than a number can count. */
function toCount(count: bigint): number {
  return count > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(count);
}

function isTiny(view: View): boolean {
  switch (view) {
    case View.UNSPECIFIED:
    case View.DEFAULT:
      return false;
    case View.TINY:
      return true;
    default:
      throw new ConnectError(
        `view ${view as number} does not exist: use VIEW_DEFAULT (1) or VIEW_TINY (2)`,
        Code.InvalidArgument,
      );
  }
}
