import type { HandlerContext, MethodImpl } from "@connectrpc/connect";
import { LazyIterable } from "../../async/lazy-iterable.js";
import {
  type ChatterService,
  type SubscribeRequest,
  SubscribeResponseSchema,
} from "../../gen/chatter_pb.js";
import { cursorHeader } from "../../protocol/headers.js";
import { formatCursor } from "../encoding/cursor.js";
import { bookmark, eventsOf } from "../encoding/stored-views.js";
import type { MessageLog } from "../log/message-log.js";
import { callKey } from "./call/call.js";
import { abortSourceOf, callerOf } from "./call/context.js";
import { invalidBookmarkSeconds } from "./errors.js";
import { respondCounted, sentCount } from "./passthrough/stream-io.js";
import { Follower } from "./reading/follower.js";
import type { HeadNotifier } from "./reading/head-notifier.js";
import type { ReadTurns } from "./reading/read-turns.js";
import { resolveCursor } from "./reading/resolve-cursor.js";
import { selectedRooms } from "./reading/selected-rooms.js";

const maxBookmarkSeconds = 3600;

/**
 * Subscribe: the messages that are added to some rooms, from now or from a cursor, until the client
 * leaves.
 *
 * @param notifier wakes subscriptions when messages are added to their rooms
 * @param reads takes turns among the readers of this log
 */
export function createSubscribe(
  log: MessageLog,
  notifier: HeadNotifier,
  reads: ReadTurns,
): MethodImpl<typeof ChatterService.method.subscribe> {
  const ofIdle = (place: number) => bookmark(formatCursor(log.identity, place));
  return (request, context) => new LazyIterable(() => start(request, context));

  async function start(request: SubscribeRequest, context: HandlerContext) {
    if (request.bookmarkSeconds > maxBookmarkSeconds) {
      throw invalidBookmarkSeconds({ seconds: request.bookmarkSeconds, most: maxBookmarkSeconds });
    }
    const rooms = selectedRooms(request.rooms, context);
    const start = request.after === "" ? log.head : await resolveCursor(log, request.after);
    context.responseHeader.set(cursorHeader, formatCursor(log.identity, start));
    const call = context.values.get(callKey);
    if (request.after !== "") {
      call?.note("resumed", { after: start });
    }
    const events = new Follower(log, notifier, reads, {
      after: start,
      rooms,
      user: callerOf(context).subject,
      idleMs: request.bookmarkSeconds * 1000,
      signal: abortSourceOf(context),
      count: sentCount(context),
      call,
      ofBatch: eventsOf,
      ofIdle,
    });
    return respondCounted(context, SubscribeResponseSchema, events);
  }
}
