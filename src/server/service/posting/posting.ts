import type { ConnectError, HandlerContext } from "@connectrpc/connect";
import { withChanges } from "../../../errors/define.js";
import { PostProgressSchema } from "../../../gen/chatter_pb.js";
import type { Post } from "../../encoding/post-request.js";
import type { Limits } from "../../limits/limits.js";
import { MessageRate } from "../../limits/message-rate.js";
import type { UploadTimeouts } from "../../limits/upload-timeouts.js";
import type { AppendResult, MessageLog, NewMessage, Position } from "../../log/message-log.js";
import { callerOf, unreadKey, wireKey } from "../call/context.js";
import { asConnectError } from "../call/errors.js";
import { lifetimeKey } from "../call/lifetime.js";
import { AppendGrace } from "./append-grace.js";
import { checkPosts, type TextBytes } from "./check-posts.js";
import type { PostPace } from "./post-pace.js";
import { readAhead } from "./read-ahead.js";

/** Messages of a posting stream that are durable now. */
export interface Stored<P extends Post = Post> {
  readonly posts: readonly P[];
  /** The place of each post. */
  readonly positions: readonly Position[];
}

/** Where posts are stored, and what limits them. */
export interface Posting {
  readonly log: MessageLog;
  readonly maxTextBytes: number;
  /** Undefined: a user may post as fast as the log accepts messages. */
  readonly rate: MessageRate | undefined;
  readonly uploads: UploadTimeouts;
  /** Keeps posts from leaving live readers behind. */
  readonly pace: PostPace;
}

export function createPosting(
  log: MessageLog,
  limits: Limits,
  uploads: UploadTimeouts,
  pace: PostPace,
): Posting {
  return {
    log,
    maxTextBytes: limits.maxTextBytes,
    rate: limits.maxUserMessages > 0 ? new MessageRate(limits) : undefined,
    uploads,
    pace,
  };
}

/** How much of one stream may wait for the log: beyond that, its sender has to wait. */
const inboxLimits = { maxItems: 4096, maxBytes: 256 * 1024 };

/**
 * Stores the messages of a client, in order, and reports them as they become durable. A stream has
 * one append in progress at a time; messages that arrive meanwhile share the next one. Resolves
 * when the client has sent its last message and all are stored.
 *
 * Everything that ends the stream early (an invalid post, a disconnected client, a deadline, a
 * limit, the log) rejects with a ConnectError with PostProgress. Messages received before are
 * stored first, unless the log or other live readers take too long: then the append in progress is
 * not counted, though its messages may be stored, and later messages are dropped.
 *
 * @param progress counts stored messages; errors of the method itself get it by `attachTo`
 * @param onStored gets messages that are durable, at least one. If it returns a promise, the
 * stream continues when that is resolved. What it throws ends the stream
 */
export async function store<P extends Post>(
  { log, maxTextBytes, rate, uploads, pace }: Posting,
  requests: AsyncIterable<readonly P[]>,
  context: HandlerContext,
  progress: Progress,
  onStored?: (stored: Stored<P>) => Promise<void> | undefined,
): Promise<void> {
  const caller = callerOf(context);
  const sender = caller.subject;
  const textBytes = textBytesOf(context, maxTextBytes);
  const sizeOf = (post: P) => post.message.length + post.messageId.length + post.room.length;
  const grace = new AppendGrace(context.signal);
  const unread = context.values.get(unreadKey);
  const lifetime = context.values.get(lifetimeKey);
  const upload = lifetime && uploads.enter(lifetime);
  try {
    for await (const posts of readAhead(requests, sizeOf, inboxLimits, context.signal, unread)) {
      if (upload) {
        upload.taken++;
      }
      const { messages, fault } = checkPosts(posts, caller, textBytes);
      const allowed = rate && (await rate.take(sender, messages.length));
      if (allowed?.error) {
        messages.length = allowed.count;
      }
      for (let at = 0; at < messages.length; ) {
        const read = grace.isStopping ? undefined : pace.untilRead(sender, messages.length - at);
        if (read) {
          await grace.await(read); // Even for a client that has left.
        }
        const taken = pace.enter(sender, messages, at);
        try {
          const appending = new Appending(
            log,
            taken === messages.length ? messages : messages.slice(at, at + taken),
          );
          while (!appending.isOver) {
            const positions = await grace.settle(appending.next);
            progress.add(positions);
            if (positions.length > 0) {
              const some =
                positions.length === posts.length ? posts : posts.slice(at, at + positions.length);
              const taking = onStored?.({ posts: some, positions });
              if (taking) {
                await taking;
              }
              at += positions.length;
            }
          }
          if (appending.error) {
            throw appending.error;
          }
        } finally {
          pace.leave(sender, taken);
        }
      }
      if (allowed?.error ?? fault) {
        throw allowed?.error ?? fault;
      }
    }
  } catch (error) {
    throw progress.attachTo(error);
  } finally {
    grace.end();
    if (upload) {
      uploads.leave(upload);
    }
  }
}

/** The maximum length of a call's texts, in bytes. */
export function textBytesOf({ values }: Pick<HandlerContext, "values">, max: number): TextBytes {
  return { min: values.get(wireKey)?.sendsEmptyTexts ? 0 : 1, max };
}

/**
 * One append in progress: yields messages as they become durable, before the append is complete.
 */
class Appending {
  /** Whether the append has ended and all its durable messages were yielded. */
  isOver = false;
  /** Why the append is incomplete, once it is over. */
  error: ConnectError | undefined;
  readonly #result: Promise<AppendResult>;
  /** Durable messages that are not yielded yet. */
  #stored: Position[] = [];
  #taken = 0;
  #waiting: ((positions: readonly Position[]) => void) | undefined;

  constructor(log: MessageLog, messages: readonly NewMessage[]) {
    this.#result = log.append(messages, this.#onStored);
  }

  /**
   * Resolves to the places of the next durable messages: at least one, unless the append is over.
   */
  readonly next = (
    resolve: (positions: readonly Position[]) => void,
    reject: (reason: unknown) => void,
  ) => {
    if (this.#stored.length > 0) {
      resolve(this.#take());
      return;
    }
    this.#waiting = resolve;
    this.#result.then(this.#onResult, reject);
  };

  #take(): readonly Position[] {
    const positions = this.#stored;
    this.#stored = [];
    this.#taken += positions.length;
    return positions;
  }

  readonly #onStored = (positions: readonly Position[]) => {
    this.#stored.push(...positions);
    this.#waiting?.(this.#take());
    this.#waiting = undefined;
  };

  readonly #onResult = ({ positions, error }: AppendResult) => {
    // A caller that was answered meanwhile calls again, and gets the rest then.
    this.#waiting?.(this.#end(positions, error));
    this.#waiting = undefined;
  };

  #end(positions: readonly Position[], error: ConnectError | undefined): readonly Position[] {
    this.isOver = true;
    this.error = error;
    return this.#taken === 0 ? positions : positions.slice(this.#taken);
  }
}

/** The progress of a posting stream. */
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
    const value = { stored: BigInt(this.stored), lastSequence: BigInt(this.lastSequence) };
    return withChanges(cause, {
      cause: cause.cause ?? cause,
      details: [{ desc: PostProgressSchema, value }, ...cause.details],
    });
  }
}
