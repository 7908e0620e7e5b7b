import { Code, ConnectError, type HandlerContext, type MethodImpl } from "@connectrpc/connect";
import {
  type ChatterService,
  type SubscribeRequest,
  SubscribeResponseSchema,
} from "../../gen/chatter_pb.js";
import { formatCursor, resolveCursor } from "../log/cursor.js";
import type { MessageLog } from "../log/message-log.js";
import { callKey } from "./call.js";
import { respond, sentCount } from "./encoded-wire.js";
import { Follower } from "./follower.js";
import type { HeadBell } from "./head-bell.js";
import { LazyIterable } from "./lazy-iterable.js";
import { bookmark, eventsOf } from "./views.js";

/** Response header: the cursor that a subscription starts after. */
export const cursorHeader = "chatter-cursor";

const maxBookmarkSeconds = 3600;

/**
 * Subscribe: what is added, from now or from a cursor, until the client leaves.
 *
 * @param bell rings when the head of this log moves
 */
export function createSubscribe(
  log: MessageLog,
  bell: HeadBell,
): MethodImpl<typeof ChatterService.method.subscribe> {
  return (request, context) => new LazyIterable(() => start(request, context));

  async function start(request: SubscribeRequest, context: HandlerContext) {
    if (request.bookmarkSeconds > maxBookmarkSeconds) {
      throw new ConnectError(
        `bookmark_seconds is ${request.bookmarkSeconds}: it must be 0 to ${maxBookmarkSeconds}`,
        Code.InvalidArgument,
      );
    }
    const start = request.after === "" ? log.head : await resolveCursor(log, request.after);
    context.responseHeader.set(cursorHeader, formatCursor(log.identity, start));
    const call = context.values.get(callKey);
    if (request.after !== "") {
      call?.note("resumed", { after: start });
    }
    const events = new Follower(log, bell, {
      after: start,
      idleMs: request.bookmarkSeconds * 1000,
      signal: context.signal,
      count: sentCount(context),
      call,
      ofBatch: eventsOf,
      ofIdle: (last) => bookmark(formatCursor(log.identity, last)),
    });
    return respond(context, SubscribeResponseSchema, events);
  }
}
