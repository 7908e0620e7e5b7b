import { ConnectError, type HandlerContext } from "@connectrpc/connect";
import { PostProgressSchema } from "../../gen/chatter_pb.js";
import type { MessageLog, Position } from "../log/message-log.js";
import { asConnectError } from "./errors.js";
import { gather } from "./gather.js";
import { callerOf } from "./identity.js";
import { checkPosts, type Post } from "./post.js";

/** Messages of a posting stream that are durable now. */
export interface Stored<P extends Post = Post> {
  readonly posts: readonly P[];
  /** The place of each post. */
  readonly positions: readonly Position[];
}

/** How much of one stream may wait for the log: then its sender waits. */
const inboxLimits = { maxItems: 4096, maxBytes: 256 * 1024 };

/**
 * Stores what a client sends and yields it, in order, as it becomes durable. One append of
 * a stream is under way at a time; what comes meanwhile shares the next one.
 *
 * Whatever ends it early (a fault in a post, the client gone, a deadline, the log) is
 * thrown as a ConnectError with PostProgress. What was received before is stored first.
 *
 * @param progress counts what is stored; the method's own errors take it along with
 *   `attachTo`
 */
export async function* store<P extends Post>(
  log: MessageLog,
  requests: AsyncIterable<readonly P[]>,
  context: HandlerContext,
  progress: Progress,
): AsyncGenerator<Stored<P>> {
  const sender = callerOf(context).subject;
  const weigh = (post: P) => post.message.length + post.messageId.length;
  try {
    for await (const posts of gather(requests, weigh, inboxLimits, context.signal)) {
      const { messages, fault } = checkPosts(posts, sender);
      if (messages.length > 0) {
        const { positions, error } = await log.append(messages);
        progress.add(positions);
        if (positions.length > 0) {
          yield { posts: posts.slice(0, positions.length), positions };
        }
        if (error) {
          throw error;
        }
      }
      if (fault) {
        throw fault;
      }
    }
  } catch (error) {
    throw progress.attachTo(error);
  }
}

/** How far a posting stream has come. */
export class Progress {
  /** How many of the stream's messages are durable. */
  stored = 0;
  /** The sequence of the last of them; 0 if there is none. */
  lastSequence = 0;

  add(positions: readonly Position[]): void {
    const last = positions.at(-1);
    if (last) {
      this.stored += positions.length;
      this.lastSequence = last.sequence;
    }
  }

  /** The error with PostProgress among its details. */
  attachTo(reason: unknown): ConnectError {
    const cause = asConnectError(reason);
    const error = new ConnectError(
      cause.rawMessage,
      cause.code,
      cause.metadata,
      [
        {
          desc: PostProgressSchema,
          value: { stored: BigInt(this.stored), lastSequence: BigInt(this.lastSequence) },
        },
      ],
      cause.cause ?? cause,
    );
    error.details.push(...cause.details);
    return error;
  }
}
