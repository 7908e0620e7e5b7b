/**
 * An AbortController that follows other signals until it is disposed of. (AbortSignal.any keeps
 * short-lived signals alive for as long as the long-lived one lives.)
 */
export class LinkedAbort {
  readonly #controller = new AbortController();
  readonly #sources: readonly AbortSignal[];

  constructor(...sources: readonly (AbortSignal | undefined)[]) {
    this.#sources = sources.filter((source) => source !== undefined);
    for (const source of this.#sources) {
      if (source.aborted) {
        this.abort(source.reason);
        return;
      }
      follow(source, this);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Aborts, and stops listening to its sources. */
  abort(reason?: unknown): void {
    for (const source of this.#sources) {
      unfollow(source, this);
    }
    this.#controller.abort(reason);
  }
}

interface Followers {
  readonly all: Set<LinkedAbort>;
  readonly onAbort: () => void;
}

/** One listener serves all followers of a signal: Node considers more than ten a leak. */
const followersOf = new WeakMap<AbortSignal, Followers>();

function follow(source: AbortSignal, follower: LinkedAbort): void {
  let followers = followersOf.get(source);
  if (followers === undefined) {
    const all = new Set<LinkedAbort>();
    const onAbort = () => {
      for (const one of all) {
        one.abort(source.reason);
      }
    };
    followers = { all, onAbort };
    followersOf.set(source, followers);
    source.addEventListener("abort", onAbort, { once: true });
  }
  followers.all.add(follower);
}

function unfollow(source: AbortSignal, follower: LinkedAbort): void {
  const followers = followersOf.get(source);
  if (followers?.all.delete(follower) && followers.all.size === 0) {
    followersOf.delete(source);
    source.removeEventListener("abort", followers.onAbort);
  }
}

/**
 * Calls the listener once when the signal is aborted, or now if it is already. Returns a function
 * that unsubscribes. Without a signal it does nothing.
 *
 * Classes with one instance for each call, subscriber or socket (`Follower`, `Lifetime`,
 * `AppendGrace`, `MessageSocket`, `WebSocketCall`) add and remove their listener themselves: this
 * saves two closures for each.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal?.aborted) {
    listener();
    return () => {};
  }
  signal?.addEventListener("abort", listener, { once: true });
  return () => signal?.removeEventListener("abort", listener);
}

/** Resolves after a time in milliseconds; rejects with the signal's reason if that comes first. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const waited = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return orAborted(waited, signal).finally(() => clearTimeout(timer));
}

/** The promise's outcome, or the signal's reason as a rejection if that comes first. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const unsubscribe = onAbort(signal, () => reject(signal?.reason));
    promise.then(resolve, reject).finally(unsubscribe);
  });
}
