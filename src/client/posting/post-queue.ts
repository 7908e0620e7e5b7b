import { onAbort } from "../../async/abort.js";
import { createDeferred, type Deferred } from "../../async/deferred.js";
import { elapsedMs, type Moment, now } from "../../async/elapsed-time.js";
import { Fifo } from "../../async/fifo.js";
import type { EchoerResponse } from "../../gen/chatter_pb.js";
import { doubtfulPost, publisherClosed, unexpectedAnswer } from "../errors.js";
import { toJsonProperty } from "../transport/json-results.js";
import { randomId } from "./message-ids.js";

/** Where a message was stored. */
export interface Posted {
  /** Its position in the log, from 1. */
  readonly sequence: bigint;
  /** A later read that starts after it begins with the next message. */
  readonly cursor: string;
  /** The room; empty for "main". */
  readonly room: string;
}

/** A post on the wire. */
export interface PostRequest {
  readonly message: string;
  readonly messageId: string;
  readonly room: string;
}

interface Post {
  /** Its position among the posts of the queue, from 1. */
  readonly index: number;
  readonly request: PostRequest;
  /** Whether the post itself names its room. */
  readonly namesRoom: boolean;
  readonly outcome: Deferred<Posted>;
  /** When it was first passed to a stream; undefined: never. */
  sentAt?: Moment;
}

/**
 * The unanswered posts of a publisher, in order. A stream gets all of them, from the first; answers
 * come in the same order and remove them at the front.
 */
export class PostQueue {
  readonly #capacity: number;
  readonly #resendMs: number;
  readonly #room: string;
  readonly #idPrefix = `${randomId()}-`;
  readonly #posts = new Fifo<Post>();
  /** How many posts, from the first, the present stream has got. */
  #handed = 0;
  #count = 0;
  #isClosed = false;
  #failure: Failure | undefined;
  /** The first failure of a post that no `settled` has reported, or will report. */
  #unreported: Failure | undefined;
  /** The posts up to this one belong to a `settled`. */
  #reported = 0;
  #wake = () => {};
  #space: Deferred<void> | undefined;

  /**
   * @param room the room of posts that do not name one; empty for "main"
   * @param capacity how many posts there is space for
   * @param resendMs a post that was passed to a stream longer ago than this is passed to no other:
   * its id may be forgotten by then, and it would be stored twice
   */
  constructor(room: string, capacity: number, resendMs: number) {
    this.#room = room;
    this.#capacity = capacity;
    this.#resendMs = resendMs;
  }

  get isEmpty(): boolean {
    return this.#posts.length === 0;
  }

  /** Whether the present stream has got posts that it has not answered. */
  get awaitsAnswer(): boolean {
    return this.#handed > 0;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether the first unanswered post itself names its room. */
  get firstNamesRoom(): boolean {
    return this.#posts.at(0)?.namesRoom ?? false;
  }

  /** @param room empty for "main"; undefined: that of the queue */
  add(message: string, room: string | undefined): Promise<Posted> {
    if (this.#failure) {
      return this.refuse(this.#failure.error);
    }
    if (this.#isClosed) {
      return this.refuse(publisherClosed());
    }
    const index = ++this.#count;
    const messageId = `${this.#idPrefix}${index.toString(36)}`;
    const outcome = createDeferred<Posted>();
    const request = { message, messageId, room: room ?? this.#room };
    this.#posts.push({ index, request, namesRoom: room !== undefined, outcome });
    this.#wake();
    return outcome.promise;
  }

  /** The outcome of a post that is not accepted. */
  refuse(error: unknown): Promise<never> {
    this.#unreported ??= { error };
    return Promise.reject(error);
  }

  /** Resolves when there is space; rejects with the error that has failed the queue. */
  async space(): Promise<void> {
    while (!this.#failure && this.#posts.length >= this.#capacity) {
      this.#space ??= createDeferred<void>();
      await this.#space.promise;
    }
    if (this.#failure) {
      throw this.#failure.error;
    }
  }

  /** Waits for the present posts. Rejects with the first failure of a post since the last time. */
  async settled(): Promise<void> {
    const unreported = this.#unreported;
    this.#unreported = undefined;
    this.#reported = this.#count;
    const outcomes = Array.from(this.#posts, ({ outcome }) => outcome.promise);
    const settled = (await Promise.allSettled(outcomes)) as SettledPost[];
    if (unreported) {
      throw unreported.error;
    }
    for (const { status, reason } of settled) {
      if (status === "rejected") {
        throw reason;
      }
    }
  }

  /** Accepts no more posts. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  /** Fails every post, and later ones. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    while (!this.isEmpty) {
      this.#failFirst(error);
    }
    this.#wake();
  }

  /** Resolves when there is a post, or no more will come; rejects with the signal's reason. */
  async work(signal: AbortSignal): Promise<void> {
    while (this.isEmpty && !this.#isClosed) {
      signal.throwIfAborted();
      await this.#change(signal);
    }
  }

  /** The posts for a new stream: all unanswered ones, then new ones. */
  async *requests(signal: AbortSignal): AsyncGenerator<PostRequest, void> {
    while (!signal.aborted) {
      const post = this.#posts.at(this.#handed);
      if (post === undefined && this.#isClosed) {
        return;
      }
      if (post === undefined || this.#isDoubtful(post)) {
        // A doubtful one waits for those before it, and is not sent.
        this.#dropDoubtful();
        await this.#change(signal);
      } else {
        post.sentAt ??= now();
        this.#handed++;
        yield post.request;
      }
    }
  }

  /** The stream has answered. Throws if it answers anything but the first post. */
  answer({ messageId, sequence, cursor, room }: EchoerResponse): void {
    if (!this.awaitsAnswer || this.#posts.at(0)?.request.messageId !== messageId) {
      throw unexpectedAnswer();
    }
    this.#shift().outcome.resolve(posted(sequence, cursor, room));
  }

  /** The stream refuses its first unanswered post. */
  refuseFirst(error: unknown): void {
    this.#failFirst(error);
  }

  /** The stream is over; the next one gets its unanswered posts. */
  endStream(): void {
    this.#handed = 0;
    this.#dropDoubtful();
  }

  #isDoubtful({ sentAt }: Post): boolean {
    return sentAt !== undefined && elapsedMs(sentAt) > this.#resendMs;
  }

  #dropDoubtful(): void {
    for (let post = this.#posts.at(0); post && !this.awaitsAnswer; post = this.#posts.at(0)) {
      if (!this.#isDoubtful(post)) {
        return;
      }
      this.#failFirst(doubtfulPost({ seconds: this.#resendMs / 1000 }));
    }
  }

  #failFirst(error: unknown): void {
    const { index, outcome } = this.#shift();
    if (index > this.#reported) {
      this.#unreported ??= { error };
    }
    outcome.reject(error);
  }

  #shift(): Post {
    const post = this.#posts.shift();
    if (post === undefined) {
      throw new Error("there is no post");
    }
    this.#handed = Math.max(0, this.#handed - 1);
    if (this.#posts.length < this.#capacity) {
      this.#space?.resolve();
      this.#space = undefined;
    }
    this.#wake();
    return post;
  }

  /** Resolves when something has changed, or at the signal. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      let unsubscribe = () => {};
      const wake = () => {
        unsubscribe();
        resolve();
      };
      this.#wake = wake;
      unsubscribe = onAbort(signal, wake);
    });
  }
}

/** Like an answer of the server, it can be passed to `JSON.stringify`. */
function posted(sequence: bigint, cursor: string, room: string): Posted {
  const json = () => ({ sequence: `${sequence}`, cursor, ...(room !== "" && { room }) });
  return Object.defineProperty({ sequence, cursor, room }, "toJSON", toJsonProperty(json));
}

interface Failure {
  readonly error: unknown;
}

type SettledPost = { readonly status: string; readonly reason?: unknown };
