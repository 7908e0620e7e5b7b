import type { HandlerContext } from "@connectrpc/connect";
import type { Post } from "../../encoding/post-request.js";
import type { Position } from "../../log/message-log.js";
import { abortKey, callerOf } from "../call/context.js";
import { AppendGrace } from "./append-grace.js";
import { checkPosts } from "./check-posts.js";
import { type Posting, Progress, textBytesOf } from "./posting.js";

/**
 * Stores one message and resolves to its place when it is durable: like `store`, but without the
 * machinery of a stream.
 *
 * Rejects with a ConnectError with PostProgress, which counts no stored messages.
 */
export async function storeOne(
  { log, maxTextBytes, rate, pace }: Posting,
  post: Post,
  context: HandlerContext,
): Promise<Position> {
  const caller = callerOf(context);
  const sender = caller.subject;
  const aborting = context.values.get(abortKey) ?? context.signal;
  const grace = new AppendGrace(aborting);
  try {
    const { messages, fault } = checkPosts([post], caller, textBytesOf(context, maxTextBytes));
    const refused = fault ?? (rate && (await rate.take(sender, 1)).error);
    if (refused) {
      throw refused;
    }
    const read = grace.isStopping ? undefined : pace.untilRead(sender, 1);
    if (read) {
      await grace.await(read);
    }
    const taken = pace.enter(sender, messages, 0);
    try {
      const { positions, error } = await grace.await(log.append(messages));
      const [position] = positions;
      if (!position) {
        throw error ?? new Error("the log has answered without a place for the message");
      }
      return position;
    } finally {
      pace.leave(sender, taken);
    }
  } catch (error) {
    throw new Progress().attachTo(error);
  } finally {
    grace.end();
  }
}
