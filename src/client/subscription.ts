import { ConnectError } from "@connectrpc/connect";
import { LinkedAbort, onAbort } from "../async/abort.js";
import type { SubscribeResponse } from "../gen/chatter_pb.js";
import { cursorHeader } from "../protocol/headers.js";
import type { CallSource } from "./call-source.js";
import { checkCount, checkRooms } from "./checks.js";
import { type ConnectionState, type StateListener, tellState } from "./connection-state.js";
import { subscriptionEnded } from "./errors.js";
import { Retry } from "./retry.js";
import { watchCall } from "./watched-call.js";

export interface SubscribeOptions {
  /**
   * Names and patterns of rooms, at most 1,000: "team/alpha", "team/*" for those below "team", "*"
   * for all that the token may read. Default: the room "main".
   */
  readonly rooms?: readonly string[] | undefined;
  /**
   * A cursor: messages added after it come first, then new ones. Default: messages that are added
   * from the moment the server accepts the call.
   */
  readonly after?: string | undefined;
  /** Ends the subscription: its loop ends without an error. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The server sends a sign of life when nothing was added for this many seconds, 1 to 3,600;
   * when three are missing, the connection is considered dead and replaced. Default: 15.
   */
  readonly bookmarkSeconds?: number | undefined;
  /** Called synchronously with each change of `state`. Default: nothing is called. */
  readonly onState?: StateListener | undefined;
}

/**
 * The messages that are added, each once and in order, for one `for await` loop. It continues
 * through restarts, dropped connections and expired tokens; it ends by the signal or by
 * leaving the loop, and throws a `ConnectError` only with one of the final codes:
 *
 * - `out_of_range`: the cursor belongs to another log or is beyond the head, or what follows it was
 *   removed by retention; `invalid_argument`: it is not a valid cursor
 * - `unauthenticated`: the login failed, or a renewed token was refused too
 * - `permission_denied`: the token does not have the scope "stream:read" or "stream:write", or
 *   not for one of the rooms, which the text names
 * - `data_loss`: the log is damaged
 * - `unimplemented`: there is no Chatter at the URL
 */
export interface Subscription extends AsyncIterable<SubscribeResponse> {
  /** The state of its connection. */
  readonly state: ConnectionState;
  /**
   * The cursor of the last message that the loop got: pass it to a later `subscribe` or `history`
   * as `after`. Undefined until the server has accepted the call.
   */
  readonly cursor: string | undefined;
  /**
   * The next message, for programs without a loop; `done` after the signal or `return`. Call it
   * again only when it has resolved. Rejects with a final code, as the loop throws it.
   */
  next(): Promise<IteratorResult<SubscribeResponse, undefined>>;
  /** Ends the subscription, as leaving the loop does. */
  return(): Promise<IteratorResult<SubscribeResponse, undefined>>;
  [Symbol.asyncIterator](): this;
}

const defaultBookmarkSeconds = 15;
/** How many bookmarks may be missing. */
const missingBookmarks = 3;

/** A subscription that resumes. It starts at once, and reads at the pace of its loop. */
export class ResumingSubscription implements Subscription {
  readonly #source: CallSource;
  readonly #end: LinkedAbort;
  readonly #retry: Retry;
  readonly #rooms: string[];
  readonly #bookmarkSeconds: number;
  readonly #onState: StateListener | undefined;
  readonly #events: AsyncGenerator<SubscribeResponse, undefined>;
  #first: Promise<IteratorResult<SubscribeResponse, undefined>> | undefined;
  #state: ConnectionState = { status: "connecting" };
  #cursor: string | undefined;
  #sequence = 0n;

  constructor(source: CallSource, options: SubscribeOptions) {
    const { bookmarkSeconds = defaultBookmarkSeconds } = options;
    checkCount("bookmarkSeconds", bookmarkSeconds, 1, 3600);
    this.#source = source;
    this.#rooms = checkRooms(options.rooms ?? []);
    this.#cursor = options.after || undefined;
    this.#bookmarkSeconds = bookmarkSeconds;
    this.#onState = options.onState;
    this.#end = new LinkedAbort(source.closing, options.signal);
    this.#retry = new Retry(source.tokens, this.#end.signal, (state) => this.#tell(state));
    this.#events = this.#run();
    // Live from now means from this call on, not from when the loop begins.
    this.#first = this.#events.next();
    this.#first.catch(() => {}); // next() passes it on
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get cursor(): string | undefined {
    return this.#cursor;
  }

  async next(): Promise<IteratorResult<SubscribeResponse, undefined>> {
    const first = this.#first;
    this.#first = undefined;
    const result = await (first ?? this.#events.next());
    if (!result.done) {
      this.#cursor = result.value.cursor;
    }
    return result;
  }

  return(): Promise<IteratorResult<SubscribeResponse, undefined>> {
    this.#first = undefined;
    this.#end.abort();
    return this.#events.return(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async *#run(): AsyncGenerator<SubscribeResponse, undefined> {
    // The caller is notified of no state before it has the subscription.
    await undefined;
    const { signal } = this.#end;
    const close = (state: ConnectionState) => {
      if (this.#state.status !== "closed") {
        this.#tell(state);
      }
    };
    // At once, even while the loop is busy and does not ask for more.
    onAbort(signal, () => close({ status: "closed" }));
    try {
      while (!signal.aborted) {
        try {
          yield* this.#follow();
        } catch (error) {
          await this.#retry.afterFailure(error);
        }
      }
    } catch (error) {
      if (!signal.aborted) {
        close({ status: "closed", reason: ConnectError.from(error) });
        throw error;
      }
    } finally {
      close({ status: "closed" });
      this.#end.abort();
    }
  }

  /** One call, until it breaks. */
  async *#follow(): AsyncGenerator<SubscribeResponse, never> {
    const headers = await this.#retry.begin();
    const request = {
      after: this.#cursor,
      bookmarkSeconds: this.#bookmarkSeconds,
      rooms: this.#rooms,
    };
    const events = watchCall(
      this.#retry,
      ({ signal, onHeader }) =>
        this.#source.client.subscribe(request, {
          ...{ headers, signal },
          onHeader: (header) => {
            onHeader();
            this.#takeHead(header);
          },
        }),
      this.#end.signal,
      missingBookmarks * this.#bookmarkSeconds * 1000,
    );
    for await (const event of events) {
      this.#retry.progressed();
      if (event.sequence === 0n) {
        this.#cursor = event.cursor; // a bookmark
      } else if (event.sequence > this.#sequence) {
        this.#sequence = event.sequence;
        yield event;
      }
    }
    throw subscriptionEnded();
  }

  #takeHead(header: Headers): void {
    const start = header.get(cursorHeader);
    // A refused call has headers too, over some wires, but starts nowhere.
    if (start !== null) {
      this.#cursor ??= start;
      this.#retry.accepted();
    }
  }

  #tell(state: ConnectionState): void {
    this.#state = state;
    tellState(this.#onState, state);
  }
}
