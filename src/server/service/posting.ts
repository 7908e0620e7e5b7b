import { ConnectError, type HandlerContext } from "@connectrpc/connect";
import { PostProgressSchema } from "../../gen/chatter_pb.js";
import type { Limits } from "../limits/limits.js";
import { MessageRate } from "../limits/message-rate.js";
import type { Uploads } from "../limits/uploads.js";
import type { AppendResult, MessageLog, Position } from "../log/message-log.js";
import { asConnectError, stoppingError } from "./errors.js";
import { gather } from "./gather.js";
import { callerOf } from "./identity.js";
import { lifetimeKey } from "./lifetime.js";
import { checkPosts, type Post } from "./post.js";

/** Messages of a posting stream that are durable now. */
export interface Stored<P extends Post = Post> {
  readonly posts: readonly P[];
  /** The place of each post. */
  readonly positions: readonly Position[];
}

/** Where posts go, and what bounds them. */
export interface Posting {
  readonly log: MessageLog;
  readonly maxTextBytes: number;
  /** Undefined: a user may post as fast as the log takes it. */
  readonly rate: MessageRate | undefined;
  readonly uploads: Uploads;
}

export function createPosting(log: MessageLog, limits: Limits, uploads: Uploads): Posting {
  return {
    log,
    maxTextBytes: limits.maxTextBytes,
    rate: limits.maxUserMessages > 0 ? new MessageRate(limits) : undefined,
    uploads,
  };
}

/** How much of one stream may wait for the log: then its sender waits. */
const inboxLimits = { maxItems: 4096, maxBytes: 256 * 1024 };

/**
 * How long the log may take for what it has after the call's deadline, in milliseconds:
 * less than the call has to end by itself. A stop has a longer grace of its own.
 */
const logGraceMs = 150;

/**
 * Stores what a client sends and yields it, in order, as it becomes durable. One append of
 * a stream is under way at a time; what comes meanwhile shares the next one.
 *
 * Whatever ends it early (a fault in a post, the client gone, a deadline, a limit, the log) is
 * thrown as a ConnectError with PostProgress. What was received before is stored first, but
 * for a log that takes too long: what it has then is not counted, though it may be stored.
 *
 * @param progress counts what is stored; the method's own errors take it along with
 *   `attachTo`
 */
export async function* store<P extends Post>(
  { log, maxTextBytes, rate, uploads }: Posting,
  requests: AsyncIterable<readonly P[]>,
  context: HandlerContext,
  progress: Progress,
): AsyncGenerator<Stored<P>> {
  const sender = callerOf(context).subject;
  const weigh = (post: P) => post.message.length + post.messageId.length;
  const patience = new Patience(context.signal);
  const lifetime = context.values.get(lifetimeKey);
  const upload = lifetime && uploads.enter(lifetime);
  try {
    for await (const posts of gather(requests, weigh, inboxLimits, context.signal)) {
      if (upload) {
        upload.taken++;
      }
      const { messages, fault } = checkPosts(posts, sender, maxTextBytes);
      const allowed = rate && (await rate.take(sender, messages.length));
      if (allowed?.error) {
        messages.length = allowed.count;
      }
      if (messages.length > 0) {
        const { positions, error } = await patience.await(log.append(messages));
        progress.add(positions);
        if (positions.length > 0) {
          yield { posts: posts.slice(0, positions.length), positions };
        }
        if (error) {
          throw error;
        }
      }
      if (allowed?.error ?? fault) {
        throw allowed?.error ?? fault;
      }
    }
  } catch (error) {
    throw progress.attachTo(error);
  } finally {
    patience.end();
    if (upload) {
      uploads.leave(upload);
    }
  }
}

/** Waits for the log, but not much longer than its call has. */
class Patience {
  private timer: NodeJS.Timeout | undefined;
  private isOver = false;
  private giveUp = (_reason: unknown) => {};

  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener("abort", this.onAbort, { once: true });
  }

  await(appended: Promise<AppendResult>): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.giveUp = reject;
      appended.then(resolve, reject);
      if (this.isOver) {
        reject(this.signal.reason);
      }
    });
  }

  end(): void {
    clearTimeout(this.timer);
    this.signal.removeEventListener("abort", this.onAbort);
  }

  private readonly onAbort = () => {
    if (this.signal.reason !== stoppingError()) {
      this.timer = setTimeout(() => {
        this.isOver = true;
        this.giveUp(this.signal.reason);
      }, logGraceMs);
    }
  };
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
