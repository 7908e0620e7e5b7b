import { Code, ConnectError } from "@connectrpc/connect";
import type { EchoerResponse } from "../gen/chatter_pb.js";
import { createDeferred, type Deferred } from "./deferred.js";
import { Fifo } from "./fifo.js";
import { elapsedMs, type Moment, now } from "./moment.js";

/** Where a message was stored. */
export interface Posted {
  /** Its place in the log, from 1. */
  readonly sequence: bigint;
  /** What is read after it starts with the next message. */
  readonly cursor: string;
}

/** A post on the wire. */
export interface PostRequest {
  readonly message: string;
  readonly messageId: string;
}

interface Post {
  /** Its place among the posts of the queue, from 1. */
  readonly index: number;
  readonly request: PostRequest;
  readonly outcome: Deferred<Posted>;
  /** When it was handed to a stream for the first time; undefined: never. */
  sentAt?: Moment;
}

/**
 * The posts of a publisher that are not answered, in order. A stream is handed all of them,
 * from the first; answers come in the same order and take them off at the head.
 */
export class PostQueue {
  readonly #capacity: number;
  readonly #resendMs: number;
  readonly #idPrefix = randomPrefix();
  readonly #posts = new Fifo<Post>();
  /** How many posts, from the first, the present stream has been handed. */
  #handed = 0;
  #count = 0;
  #isClosed = false;
  #failure: Failure | undefined;
  /** The first failure of a post that no `settled` has told, or will. */
  #untold: Failure | undefined;
  /** The posts up to this one are those of a `settled`. */
  #told = 0;
  #wake = () => {};
  #room: Deferred<void> | undefined;

  /**
   * @param capacity with so many posts there is no room
   * @param resendMs a post that was handed to a stream longer ago than this is handed to no
   *   other: its id may be forgotten by then, and it would be stored twice
   */
  constructor(capacity: number, resendMs: number) {
    this.#capacity = capacity;
    this.#resendMs = resendMs;
  }

  get isEmpty(): boolean {
    return this.#posts.length === 0;
  }

  /** Whether the present stream has been handed posts that it has not answered. */
  get awaitsAnswer(): boolean {
    return this.#handed > 0;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  add(message: string): Promise<Posted> {
    if (this.#failure) {
      return this.refuse(this.#failure.error);
    }
    if (this.#isClosed) {
      return this.refuse(new ConnectError("the publisher is closed", Code.FailedPrecondition));
    }
    const index = ++this.#count;
    const messageId = `${this.#idPrefix}${index.toString(36)}`;
    const outcome = createDeferred<Posted>();
    this.#posts.push({ index, request: { message, messageId }, outcome });
    this.#wake();
    return outcome.promise;
  }

  /** The outcome of a post that is not taken. */
  refuse(error: unknown): Promise<never> {
    this.#untold ??= { error };
    return Promise.reject(error);
  }

  /** Resolves when there is room; rejects with what has failed the queue. */
  async room(): Promise<void> {
    while (!this.#failure && this.#posts.length >= this.#capacity) {
      this.#room ??= createDeferred<void>();
      await this.#room.promise;
    }
    if (this.#failure) {
      throw this.#failure.error;
    }
  }

  /**
   * Waits for the posts that are there now. Rejects with the first failure of a post since
   * the last time.
   */
  async settled(): Promise<void> {
    const untold = this.#untold;
    this.#untold = undefined;
    this.#told = this.#count;
    const outcomes = Array.from(this.#posts, ({ outcome }) => outcome.promise);
    const settled = (await Promise.allSettled(outcomes)) as SettledPost[];
    if (untold) {
      throw untold.error;
    }
    for (const { status, reason } of settled) {
      if (status === "rejected") {
        throw reason;
      }
    }
  }

  /** Takes no more posts. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  /** Fails every post, and those to come. */
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

  /** The posts for a new stream: all that are not answered, then what comes. */
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
  answer({ messageId, sequence, cursor }: EchoerResponse): void {
    if (!this.awaitsAnswer || this.#posts.at(0)?.request.messageId !== messageId) {
      throw new ConnectError("the server has answered what was not asked", Code.Internal);
    }
    this.#shift().outcome.resolve({ sequence, cursor });
  }

  /** The stream refuses its first unanswered post. */
  refuseFirst(error: unknown): void {
    this.#failFirst(error);
  }

  /** The stream is over; what it has not answered is for the next one. */
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
      this.#failFirst(doubtful(this.#resendMs));
    }
  }

  #failFirst(error: unknown): void {
    const { index, outcome } = this.#shift();
    if (index > this.#told) {
      this.#untold ??= { error };
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
      this.#room?.resolve();
      this.#room = undefined;
    }
    this.#wake();
    return post;
  }

  /** Resolves when something has changed, or at the signal. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener("abort", wake);
    });
  }
}

interface Failure {
  readonly error: unknown;
}

type SettledPost = { readonly status: string; readonly reason?: unknown };

/** 96 bits of chance: no two publishers, nor two runs of a program, have the same ids. */
function randomPrefix(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}-`;
}

function doubtful(resendMs: number): ConnectError {
  return new ConnectError(
    `the message was sent more than ${resendMs / 1000} s ago and not answered: it may be stored ` +
      "or not, and sending it again now could store it twice",
    Code.DeadlineExceeded,
  );
}
