import { type ConnectError, createContextKey, type Interceptor } from "@connectrpc/connect";
import { LazyAbort } from "../../../async/lazy-abort.js";
import { maxTimerMs } from "../../../async/max-timer.js";
import type { Auth, Identity } from "../../auth/auth.js";
import { type Limits, withJitter } from "../../limits/limits.js";
import type { UserStreams } from "../../limits/user-streams.js";
import { peerAddressKey } from "../../net/peer-address.js";
import { type PassthroughWire, passthroughWire } from "../passthrough/stream-io.js";
import { abortKey, deadlineKey, identityKey, type Wire, wireKey } from "./context.js";
import { streamAged, timedOut, tokenExpired, tokenRevoked } from "./errors.js";
import type { CallEnd, OpenCall, OpenCalls } from "./open-calls.js";

/** How long a method may take to end by itself after its signal; then the call is cut. */
const graceMs = 250;
/** How long the wire may then take to notify its peer; then it is cut too. */
const wireGraceMs = 500;
const never = Number.POSITIVE_INFINITY;

export interface LifetimeOptions {
  /** Has every call from its start to its end, and notifies it when the server stops. */
  readonly calls: OpenCalls;
  /** Aborted when the server stops; calls then end by themselves or with their connection. */
  readonly stopping: AbortSignal;
  /** Knows which tokens were revoked. */
  readonly auth: Pick<Auth, "isRevoked">;
  /** Counts the streams of each user. */
  readonly streams: UserStreams;
  readonly limits: Pick<Limits, "maxStreamAgeMs">;
}

/** Controls how long a call lasts, for its method. */
export interface CallLifetime extends CallEnd {
  /**
   * The call lasts, though it is unary: it counts as a stream of its user until it ends. Throws
   * `resource_exhausted` if there are too many.
   */
  lasts(user: string): void;
  /** The outcome of a promise, or the reason of the cut if that comes first. */
  untilCut<T>(promise: Promise<T>): Promise<T>;
  /** The call is over: releases everything that belongs to it. */
  end(): void;
}

/** Set for every call. */
export const lifetimeKey = createContextKey<CallLifetime | undefined>(undefined, {
  description: "how long the call lasts",
});

/**
 * Ends every call in time: at its deadline, when its client has left, within a second of
 * its token's expiry, when its token is revoked, and a stream at its maximum age. The
 * method is notified by its signal, and the call ends even if it does not listen: connect-es
 * itself only aborts the signal. The messages of a stream are cut, and end the lifetime, where they
 * are watched (`watched-calls.ts`).
 */
export function createLifetimeInterceptor(options: LifetimeOptions): Interceptor {
  return (next) => async (request) => {
    const { contextValues } = request;
    const identity = contextValues.get(identityKey);
    const expiryMs = (identity?.expiresAt ?? never) - Date.now();
    // The token of a unary call was verified before its message arrived, which may have taken long.
    if (identity && options.auth.isRevoked?.(identity)) {
      throw tokenRevoked();
    }
    if (expiryMs <= 0) {
      throw tokenExpired();
    }
    const place = request.stream
      ? options.streams.enter(identity?.subject, contextValues.get(peerAddressKey))
      : undefined;
    const wire = contextValues.get(wireKey);
    const own = contextValues.get(abortKey);
    const outer = own ? undefined : request.signal;
    const passthrough = contextValues.get(passthroughWire);
    const lifetime = new Lifetime(own, outer, options, identity, wire, passthrough, place);
    contextValues.set(lifetimeKey, lifetime);
    const deadlineMs = (contextValues.get(deadlineKey) ?? never) - performance.now();
    const { maxStreamAgeMs } = options.limits;
    const ageMs = request.stream && maxStreamAgeMs > 0 ? withJitter(maxStreamAgeMs) : never;
    // The earliest of them ends the call: one timer is enough.
    const first = Math.min(deadlineMs, expiryMs, ageMs);
    if (first !== never) {
      const reason = first === ageMs ? streamAged : tokenExpired;
      lifetime.endAfter(first, first === deadlineMs ? timedOut : reason);
    } // Otherwise it ends by itself, or with its client.
    try {
      const response = await lifetime.race(
        next(own ? request : { ...request, signal: lifetime.signal }),
      );
      if (!response.stream) {
        lifetime.end();
      }
      return response;
    } catch (error) {
      lifetime.end();
      throw error;
    }
  };
}

class Lifetime implements OpenCall, CallLifetime {
  readonly #abort: LazyAbort;
  #aborted = false;
  #ended = false;
  #cut: { reason: unknown } | undefined;
  #rejectPending: ((reason: unknown) => void) | undefined;
  #graceTimer: NodeJS.Timeout | undefined;
  #endTimer: NodeJS.Timeout | undefined;
  /** Aborted when the client leaves, if that does not abort the call's own signal. */
  readonly #outer: AbortSignal | undefined;
  readonly #options: LifetimeOptions;
  readonly #identity: Identity | undefined;
  readonly #wire: Wire | undefined;
  readonly #passthrough: PassthroughWire | undefined;
  /** Counted among the user's streams. */
  #place: string | undefined;

  constructor(
    own: LazyAbort | undefined,
    outer: AbortSignal | undefined,
    options: LifetimeOptions,
    identity: Identity | undefined,
    wire: Wire | undefined,
    passthrough: PassthroughWire | undefined,
    place: string | undefined,
  ) {
    this.#outer = outer;
    this.#options = options;
    this.#identity = identity;
    this.#wire = wire;
    this.#passthrough = passthrough;
    this.#place = place;

    // There may be tens of thousands, and a signal takes a KiB: both share one if possible.
    this.#abort = own ?? new LazyAbort();
    options.calls.enter(this);
    const source = outer ?? this.#abort;
    source.addEventListener("abort", this);
    if (source.aborted) {
      this.handleEvent();
    } else if (options.stopping.aborted) {
      this.stop();
    }
  }

  /** Aborted at the deadline, when the client leaves, when the token ends, or at a stop. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** After a time in milliseconds: when its turn comes, because many tokens may expire at once. */
  endAfter(ms: number, reason: () => ConnectError): void {
    // One function for all calls: a closure would be held for as long as the call lasts.
    this.#endTimer = setTimeout(Lifetime.#onTime, Math.min(ms, maxTimerMs), this, ms, reason);
  }

  static #onTime(lifetime: Lifetime, ms: number, reason: () => ConnectError): void {
    if (ms > maxTimerMs) {
      lifetime.endAfter(ms - maxTimerMs, reason);
    } else if (reason === timedOut) {
      lifetime.abort(timedOut()); // A deadline waits for no turn.
    } else {
      lifetime.#options.calls.endInTurn(lifetime, reason());
    }
  }

  /** The promise's outcome, or the reason of the cut if that comes first. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#rejectPending = reject;
      promise.then(resolve, reject);
      if (this.#cut) {
        reject(this.#cut.reason);
      }
    });
  }

  untilCut<T>(promise: Promise<T>): Promise<T> {
    if (this.#passthrough?.cut) {
      this.#rejectPending = undefined;
      return promise;
    }
    return this.race(promise);
  }

  lasts(user: string): void {
    if (!this.#ended) {
      this.#place ??= this.#options.streams.enter(user, "");
    }
  }

  end(): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#endTimer);
    (this.#outer ?? this.#abort).removeEventListener("abort", this);
    this.#options.calls.leave(this);
    if (this.#place !== undefined) {
      this.#options.streams.leave(this.#place);
    }
  }

  /** The client has left. */
  handleEvent(): void {
    this.abort((this.#outer ?? this.#abort).reason);
  }

  stop(): void {
    this.abort(this.#options.stopping.reason);
  }

  recheck(): void {
    if (this.#isRevoked) {
      this.#options.calls.endInTurn(this, tokenRevoked());
    }
  }

  get #isRevoked(): boolean {
    const identity = this.#identity;
    return (identity && this.#options.auth.isRevoked?.(identity)) ?? false;
  }

  abort(reason: unknown): void {
    if (this.#ended || this.#aborted) {
      return;
    }
    this.#aborted = true;
    clearTimeout(this.#endTimer);
    this.#abort.abort(reason);
    if (reason !== this.#options.stopping.reason) {
      this.#graceTimer = setTimeout(() => {
        this.#cut = { reason };
        this.#rejectPending?.(reason);
        this.#passthrough?.cut?.(reason);
        this.end();
        const wire = this.#wire;
        if (wire) {
          setTimeout(() => wire.cut(), wireGraceMs).unref();
        }
      }, graceMs);
    }
  }
}
