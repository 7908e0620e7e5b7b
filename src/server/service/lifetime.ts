import { Code, ConnectError, createContextKey, type Interceptor } from "@connectrpc/connect";
import type { Auth, Identity } from "../auth/auth.js";
import { type Limits, withJitter } from "../limits/limits.js";
import type { UserStreams } from "../limits/user-streams.js";
import { deadlineKey } from "./deadline.js";
import { identityKey } from "./identity.js";
import type { CallEnd, OpenCall, OpenCalls } from "./open-calls.js";
import { peerAddressKey } from "./peer-address.js";
import { type Wire, wireKey } from "./wire.js";

/** How long a method may take to end by itself after its signal; then the call is cut. */
const graceMs = 250;
/** How long the wire may then take to say so to its peer; then it is cut too. */
const wireGraceMs = 500;
const never = Number.POSITIVE_INFINITY;
/** The longest that setTimeout can wait, in milliseconds; a longer one would end at once. */
export const maxTimerMs = 2 ** 31 - 1;

export interface LifetimeOptions {
  /** Has every call from its start to its end, and tells it when the server stops. */
  readonly calls: OpenCalls;
  /** Aborted when the server stops; calls then end by themselves or with their connection. */
  readonly stopping: AbortSignal;
  /** Knows which tokens were revoked. */
  readonly auth: Pick<Auth, "isRevoked">;
  /** Counts the streams of each user. */
  readonly streams: UserStreams;
  readonly limits: Pick<Limits, "maxStreamAgeMs">;
}

/** Set for every call. */
export const lifetimeKey = createContextKey<CallEnd | undefined>(undefined, {
  description: "ends the call",
});

/**
 * Ends every call in time: at its deadline, when its client has left, within a second of
 * its token's expiry, when its token is revoked, and a stream at its greatest age. The
 * method is told by its signal, and the call ends even if it does not listen: connect-es
 * itself only aborts the signal.
 */
export function createLifetimeInterceptor(options: LifetimeOptions): Interceptor {
  return (next) => async (request) => {
    const { contextValues } = request;
    const identity = contextValues.get(identityKey);
    const place = request.stream
      ? options.streams.enter(identity?.subject, contextValues.get(peerAddressKey))
      : undefined;
    const wire = contextValues.get(wireKey);
    const lifetime = new Lifetime(request.signal, options, identity, wire, place);
    contextValues.set(lifetimeKey, lifetime);
    const deadline = contextValues.get(deadlineKey) ?? never;
    const expiresAt = identity?.expiresAt ?? never;
    const { maxStreamAgeMs } = options.limits;
    const agedAt =
      request.stream && maxStreamAgeMs > 0 ? Date.now() + withJitter(maxStreamAgeMs) : never;
    // The first of them ends the call: one timer is enough.
    const first = Math.min(deadline, expiresAt, agedAt);
    if (first === never) {
      // It ends by itself, or with its client.
    } else if (first === deadline) {
      lifetime.timeOutAt(deadline);
    } else {
      lifetime.endAt(first, first === agedAt ? aged : expired);
    }
    try {
      const response = await lifetime.race(next({ ...request, signal: lifetime.signal }));
      if (!response.stream) {
        lifetime.end();
        return response;
      }
      return { ...response, message: lifetime.iterate(response.message) };
    } catch (error) {
      lifetime.end();
      throw error;
    }
  };
}

class Lifetime implements OpenCall, EventListenerObject {
  private readonly controller: AbortController;
  private aborted = false;
  private ended = false;
  private cut: { reason: unknown } | undefined;
  private rejectPending: ((reason: unknown) => void) | undefined;
  private graceTimer: NodeJS.Timeout | undefined;
  private endTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly outer: AbortSignal,
    private readonly options: LifetimeOptions,
    private readonly identity: Identity | undefined,
    private readonly wire: Wire | undefined,
    /** Among the user's streams. */
    private readonly place: string | undefined,
  ) {
    // There may be tens of thousands, and a signal takes a KiB: one for both, if it can be.
    this.controller = wire?.controller?.signal === outer ? wire.controller : new AbortController();
    options.calls.enter(this);
    outer.addEventListener("abort", this, { once: true });
    if (outer.aborted) {
      this.handleEvent();
    } else if (options.stopping.aborted) {
      this.stop();
    } else if (this.isRevoked) {
      this.abort(revoked()); // Since it was verified.
    }
  }

  /** Aborted at the deadline, when the client leaves, when the token ends, at a stop. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** For the deadlines that Connect does not look after: at most 24 days off. */
  timeOutAt(time: number): void {
    const wait = Math.min(time - Date.now(), maxTimerMs);
    this.endTimer = setTimeout(() => this.abort(timedOut()), wait);
  }

  /** From this time on, in milliseconds since 1970, in its turn, with this reason. */
  endAt(time: number, reason: () => ConnectError): void {
    const wait = time - Date.now();
    this.endTimer = setTimeout(
      () =>
        wait > maxTimerMs ? this.endAt(time, reason) : this.options.calls.endInTurn(this, reason()),
      Math.max(0, Math.min(wait, maxTimerMs)),
    );
  }

  /** The promise's outcome, or the reason of the cut if that comes first. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.rejectPending = reject;
      promise.then(resolve, reject);
      if (this.cut) {
        reject(this.cut.reason);
      }
    });
  }

  /** The same messages, until the cut. */
  iterate<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
    return new UntilCut(messages[Symbol.asyncIterator](), this);
  }

  /** The call is over: nothing of it stays behind. */
  end(): void {
    if (this.ended) {
      return;
    }
    this.ended = true;
    clearTimeout(this.graceTimer);
    clearTimeout(this.endTimer);
    this.outer.removeEventListener("abort", this);
    this.options.calls.leave(this);
    if (this.place !== undefined) {
      this.options.streams.leave(this.place);
    }
  }

  /** The outer signal was aborted. */
  handleEvent(): void {
    this.abort(this.outer.reason);
  }

  stop(): void {
    this.abort(this.options.stopping.reason);
  }

  recheck(): void {
    if (this.isRevoked) {
      this.options.calls.endInTurn(this, revoked());
    }
  }

  private get isRevoked(): boolean {
    const { identity, options } = this;
    return (identity && options.auth.isRevoked?.(identity)) ?? false;
  }

  abort(reason: unknown): void {
    if (this.ended || this.aborted) {
      return;
    }
    this.aborted = true;
    clearTimeout(this.endTimer);
    this.controller.abort(reason);
    if (reason !== this.options.stopping.reason) {
      this.graceTimer = setTimeout(() => {
        this.cut = { reason };
        this.rejectPending?.(reason);
        this.end();
        const { wire } = this;
        if (wire) {
          setTimeout(() => wire.cut(), wireGraceMs).unref();
        }
      }, graceMs);
    }
  }
}

/**
 * The messages of a call, which end with its lifetime. No generator: it would hold a KiB for
 * each of the calls that last for days.
 */
class UntilCut<T> implements AsyncIterableIterator<T> {
  constructor(
    private readonly messages: AsyncIterator<T>,
    private readonly lifetime: Lifetime,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T>> {
    return this.lifetime.race(this.messages.next()).then(this.onResult, this.onError);
  }

  return(value?: unknown): Promise<IteratorResult<T>> {
    this.lifetime.end();
    return this.messages.return?.(value) ?? Promise.resolve({ done: true, value });
  }

  throw(error: unknown): Promise<IteratorResult<T>> {
    this.lifetime.end();
    return this.messages.throw?.(error) ?? Promise.reject(error);
  }

  private readonly onResult = (result: IteratorResult<T>) => {
    if (result.done) {
      this.lifetime.end();
    }
    return result;
  };

  private readonly onError = (error: unknown) => {
    this.lifetime.end();
    throw error;
  };
}

/** As Connect has it. */
function timedOut(): ConnectError {
  return new ConnectError("the operation timed out", Code.DeadlineExceeded);
}

function revoked(): ConnectError {
  return new ConnectError("the token was revoked: log in again", Code.Unauthenticated);
}

function aged(): ConnectError {
  return new ConnectError(
    "the stream has reached its greatest age: go on with a new one",
    Code.Unavailable,
  );
}

function expired(): ConnectError {
  return new ConnectError("the token has expired: log in again", Code.Unauthenticated);
}
