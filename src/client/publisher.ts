import { Code, ConnectError } from "@connectrpc/connect";
import { PostProgressSchema } from "../gen/chatter_pb.js";
import { LinkedAbort } from "./abort.js";
import type { CallSource } from "./call-source.js";
import { type ConnectionState, type StateListener, tellState } from "./connection-state.js";
import { type Posted, PostQueue, type PostRequest } from "./post-queue.js";
import { Retry } from "./retry.js";
import { Silence } from "./silence.js";
import { silent } from "./watched-call.js";

export interface PublisherOptions {
  /** With so many unanswered posts `ready` makes the caller wait. From 1; default 1,024. */
  readonly maxPending?: number | undefined;
  /**
   * A post without an answer is sent again until so many milliseconds after it was first
   * sent; then it fails, since its id may be forgotten and it could be stored twice. It
   * must be well below the server's --dedupe-window. Default: 300,000, half of its default.
   */
  readonly resendMs?: number | undefined;
  /**
   * A stream that owes an answer for so many milliseconds is taken for dead and made anew.
   * From 1; default 30,000.
   */
  readonly answerMs?: number | undefined;
  /** Gives up: posts without an answer fail with the signal's reason. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /** Is told each change of `state`, at once. Default: nobody. */
  readonly onState?: StateListener | undefined;
}

/**
 * Posts in the order of the calls, over one stream, which is opened by the first post and
 * made anew when it breaks.
 */
export interface Publisher {
  /** How it stands with the server. */
  readonly state: ConnectionState;

  /**
   * Posts a text, 1 to 65,536 bytes of UTF-8, and resolves when it is durable. Each text
   * that is durable is stored once, whatever broke in between, as long as the server keeps
   * its message ids (10 minutes and 1,000,000 ids by default).
   *
   * Rejects with a `ConnectError`: `invalid_argument` if the text is none; `deadline_exceeded`
   * if it was sent and not answered for `resendMs`, so that nobody knows whether it is
   * stored; `failed_precondition` after `close`; with what has ended the publisher for good
   * (the codes of a subscription, but for the cursor's); with the signal's reason.
   */
  post(text: string): Promise<Posted>;

  /**
   * Resolves when less than `maxPending` posts are unanswered. Who posts without waiting
   * for each answer waits here before each post, so that the queue has a bound. Rejects if
   * the publisher has failed.
   */
  ready(): Promise<void>;

  /**
   * Waits for every post so far; rejects with the first failure since the last `flush`, also
   * if the post has failed before.
   */
  flush(): Promise<void>;

  /** Takes no more posts and waits for those so far, as `flush` does. */
  close(): Promise<void>;
}

const defaultMaxPending = 1024;
const defaultResendMs = 300_000;
const defaultAnswerMs = 30_000;
/** Most bytes of UTF-8 in a text. */
const maxTextBytes = 65_536;

/** A publisher that sends again what was not answered. */
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
      maxPending = defaultMaxPending,
      resendMs = defaultResendMs,
      answerMs = defaultAnswerMs,
    } = options;
    if (!Number.isSafeInteger(maxPending) || maxPending < 1) {
      throw new RangeError(`maxPending is ${maxPending}: it must be a whole number from 1`);
    }
    if (!(resendMs >= 0)) {
      throw new RangeError(`resendMs is ${resendMs}: it must be 0 or more`);
    }
    if (!(answerMs >= 1)) {
      throw new RangeError(`answerMs is ${answerMs}: it must be 1 or more`);
    }
    this.#source = source;
    this.#answerMs = answerMs;
    this.#onState = options.onState;
    this.#queue = new PostQueue(maxPending, resendMs);
    this.#end = new LinkedAbort(source.closing, options.signal);
    this.#retry = new Retry(source.tokens, this.#end.signal, (state) => this.#tell(state));
    this.#run = this.#keepPosting();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  post(text: string): Promise<Posted> {
    const fault = faultOf(text);
    return fault ? this.#queue.refuse(fault) : this.#queue.add(text);
  }

  ready(): Promise<void> {
    return this.#queue.room();
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

  /** One stream, until it breaks, a post is refused, or there are no more posts to come. */
  async #stream(): Promise<void> {
    const headers = await this.#retry.begin();
    const call = new LinkedAbort(this.#end.signal);
    const silence = new Silence(this.#answerMs, () => {
      call.abort(silent(this.#answerMs));
      this.#source.dropConnection();
    });
    silence.begin();
    let answered = 0;
    try {
      const posts = this.#posts(call.signal, silence);
      for await (const answer of this.#source.client.echoer(posts, {
        headers,
        signal: call.signal,
      })) {
        this.#queue.answer(answer);
        answered++;
        this.#retry.progressed();
        silence.end();
        if (this.#queue.awaitsAnswer) {
          silence.begin();
        }
      }
      if (!this.#queue.isClosed || !this.#queue.isEmpty) {
        throw new ConnectError("the server has ended the stream", Code.Unavailable);
      }
    } catch (cause) {
      const error = call.signal.aborted ? call.signal.reason : cause;
      if (!isRefusal(error, answered) || !this.#queue.awaitsAnswer) {
        throw error;
      }
      this.#queue.refuseFirst(error);
    } finally {
      silence.stop();
      call.abort();
      this.#queue.endStream();
    }
  }

  async *#posts(signal: AbortSignal, silence: Silence): AsyncGenerator<PostRequest, void> {
    for await (const post of this.#queue.requests(signal)) {
      silence.begin();
      yield post;
    }
  }

  #tell(state: ConnectionState): void {
    this.#state = state;
    tellState(this.#onState, state);
  }
}

/** What is wrong with a text: `invalid_argument`. The server would end the stream for it. */
function faultOf(text: string): ConnectError | undefined {
  const right = "it must have 1 to 65,536 bytes of UTF-8";
  const invalid = (what: string) =>
    new ConnectError(`the text ${what}: ${right}`, Code.InvalidArgument);
  if (typeof text !== "string") {
    return invalid(`is no string but ${typeof text}`);
  }
  if (text === "") {
    return invalid("is empty");
  }
  if (/\p{Surrogate}/u.test(text)) {
    return invalid("has half a surrogate pair, which is no character");
  }
  if (text.length * 3 > maxTextBytes) {
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > maxTextBytes) {
      return invalid(`has ${bytes} bytes`);
    }
  }
  return undefined;
}

/**
 * Whether a stream has ended since the server refuses the post after the last one that it
 * has answered: that one fails, and the others go on.
 */
function isRefusal(error: unknown, answered: number): boolean {
  if (!(error instanceof ConnectError)) {
    return false;
  }
  const isOfPost = error.code === Code.InvalidArgument || error.code === Code.AlreadyExists;
  return isOfPost && error.findDetails(PostProgressSchema)[0]?.stored === BigInt(answered);
}
