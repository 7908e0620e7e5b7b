import { Code, ConnectError } from "@connectrpc/connect";
import { LinkedAbort } from "../../async/abort.js";
import { withChanges } from "../../errors/define.js";
import { PostProgressSchema } from "../../gen/chatter_pb.js";
import { roomOf } from "../../protocol/rooms.js";
import { Attempt } from "../attempt.js";
import type { CallSource } from "../call-source.js";
import { checkCount, checkRoom, roomFault, textFault } from "../checks.js";
import { type ConnectionState, type StateListener, tellState } from "../connection-state.js";
import { invalidAnswerMs, postingEnded } from "../errors.js";
import { Retry } from "../retry.js";
import { checkResendMs, defaultResendMs } from "./message-ids.js";
import { type Posted, PostQueue, type PostRequest } from "./post-queue.js";

export interface PublisherOptions {
  /** The name of the room to post to. Default: "main". */
  readonly room?: string | undefined;
  /**
   * The number of unanswered posts with which `ready` makes the caller wait. From 1; default 1,024.
   */
  readonly maxPending?: number | undefined;
  /**
   * A post without an answer is sent again until this many milliseconds after it was first sent;
   * then it fails, because its id may be forgotten and it could be stored twice. It must be well
   * below the server's --dedupe-window. Default: 300,000, half of that setting's default.
   */
  readonly resendMs?: number | undefined;
  /**
   * If a stream owes an answer for this many milliseconds, it is considered dead and replaced.
   * From 1; default 30,000.
   */
  readonly answerMs?: number | undefined;
  /** Gives up: posts without an answer fail with the signal's reason. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /** Called synchronously with each change of `state`. Default: nothing is called. */
  readonly onState?: StateListener | undefined;
}

/** The options of a single post of a publisher. */
export interface PublishOptions {
  /** The name of the room to post to. Default: the publisher's. */
  readonly room?: string | undefined;
}

/**
 * Posts in the order of the calls, over one stream, which is opened by the first post and
 * replaced when it breaks.
 */
export interface Publisher {
  /** The state of its connection. */
  readonly state: ConnectionState;

  /**
   * Posts a text, 1 to 65,536 bytes of UTF-8, and resolves when it is durable. Each durable text is
   * stored once, whatever broke in between, provided that the server still remembers its message id
   * (by default, for 10 minutes and up to 1,000,000 ids).
   *
   * Rejects with a `ConnectError`: `invalid_argument` if the text or the room is not valid;
   * `permission_denied` if the token does not have the scope to write to the `room` given here;
   * `deadline_exceeded` if it was sent and not answered for `resendMs`, so that it is unknown
   * whether it is stored; `failed_precondition` after `close`; with the error that ended the
   * publisher for good (the codes of a subscription, except those of cursors); with the signal's
   * reason.
   */
  post(text: string, options?: PublishOptions): Promise<Posted>;

  /**
   * Resolves when fewer than `maxPending` posts are unanswered. Programs that post without waiting
   * for each answer wait here before each post, so that the queue stays limited. Rejects if the
   * publisher has failed.
   */
  ready(): Promise<void>;

  /**
   * Waits for every post so far; rejects with the first failure since the last `flush`, even if the
   * post itself has already rejected.
   */
  flush(): Promise<void>;

  /** Accepts no more posts and waits for those so far, as `flush` does. */
  close(): Promise<void>;
}

const defaultMaxPending = 1024;
const defaultAnswerMs = 30_000;

/** A publisher that sends unanswered posts again. */
export class ResumingPublisher implements Publisher {
  readonly #source: CallSource;
  readonly #end: LinkedAbort;
  readonly #retry: Retry;
  readonly #queue: PostQueue;
  readonly #answerMs: number;
  readonly #onState: StateListener | undefined;
  readonly #run: Promise<void>;
  #state: ConnectionState = { status: "idle" };

  constructor(source: CallSource, options: PublisherOptions) {
    const {
      room = "",
      maxPending = defaultMaxPending,
      resendMs = defaultResendMs,
      answerMs = defaultAnswerMs,
    } = options;
    checkCount("maxPending", maxPending, 1);
    checkResendMs(resendMs);
    if (!(answerMs >= 1)) {
      throw invalidAnswerMs({ value: answerMs });
    }
    this.#source = source;
    this.#answerMs = answerMs;
    this.#onState = options.onState;
    this.#queue = new PostQueue(roomOf(checkRoom(room)), maxPending, resendMs);
    this.#end = new LinkedAbort(source.closing, options.signal);
    this.#retry = new Retry(source.tokens, this.#end.signal, (state) => this.#tell(state));
    this.#run = this.#keepPosting();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  post(text: string, { room }: PublishOptions = {}): Promise<Posted> {
    const fault = textFault(text) ?? (room === undefined ? undefined : roomFault(room));
    return fault
      ? this.#queue.refuse(fault)
      : this.#queue.add(text, room === undefined ? undefined : roomOf(room));
  }

  ready(): Promise<void> {
    return this.#queue.space();
  }

  flush(): Promise<void> {
    return this.#queue.settled();
  }

  async close(): Promise<void> {
    const settled = this.#queue.settled();
    this.#queue.close();
    await Promise.all([settled, this.#run]);
  }

  async #keepPosting(): Promise<void> {
    const { signal } = this.#end;
    try {
      for (;;) {
        await this.#queue.work(signal);
        if (this.#queue.isEmpty) {
          this.#tell({ status: "closed" });
          return;
        }
        try {
          await this.#stream();
        } catch (error) {
          await this.#retry.afterFailure(error);
        }
        if (this.#queue.isEmpty && !this.#queue.isClosed) {
          this.#tell({ status: "idle" });
        }
      }
    } catch (error) {
      this.#queue.fail(error);
      const reason = signal.aborted ? undefined : ConnectError.from(error);
      this.#tell(reason ? { status: "closed", reason } : { status: "closed" });
    } finally {
      this.#end.abort();
    }
  }

  /** One stream, until it breaks, a post is refused, or no more posts will come. */
  async #stream(): Promise<void> {
    const headers = await this.#retry.begin();
    const attempt = new Attempt(this.#retry, this.#end.signal, this.#answerMs);
    attempt.expect();
    let answered = 0;
    try {
      for await (const answer of this.#source.client.echoer(this.#posts(attempt), {
        ...{ headers, signal: attempt.signal },
        onHeader: () => attempt.accepted(),
      })) {
        this.#queue.answer(answer);
        answered++;
        this.#retry.progressed();
        attempt.answered();
        if (this.#queue.awaitsAnswer) {
          attempt.expect();
        }
      }
      if (!this.#queue.isClosed || !this.#queue.isEmpty) {
        throw postingEnded();
      }
    } catch (cause) {
      const error = attempt.reasonOf(cause);
      if (!this.#queue.awaitsAnswer || !this.#isRefusal(error, answered)) {
        throw error;
      }
      // Its details say how much of the stream is stored.
      this.#queue.refuseFirst(withChanges(ConnectError.from(error), { details: [] }));
    } finally {
      attempt.close();
      this.#queue.endStream();
    }
  }

  async *#posts(attempt: Attempt): AsyncGenerator<PostRequest, void> {
    for await (const post of this.#queue.requests(attempt.signal)) {
      attempt.expect();
      yield post;
    }
  }

  #tell(state: ConnectionState): void {
    this.#state = state;
    tellState(this.#onState, state);
  }

  /**
   * Whether a stream has ended because the server refuses the post after the last answered one:
   * that post fails, and the others continue.
   */
  #isRefusal(error: unknown, answered: number): boolean {
    if (!(error instanceof ConnectError)) {
      return false;
    }
    const isOfPost =
      error.code === Code.InvalidArgument ||
      error.code === Code.AlreadyExists ||
      // If it is about the publisher's own room, it applies to all its posts.
      (error.code === Code.PermissionDenied && this.#queue.firstNamesRoom);
    return isOfPost && error.findDetails(PostProgressSchema)[0]?.stored === BigInt(answered);
  }
}
