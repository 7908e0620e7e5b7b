/** Like an EventTarget's: it is called once. */
interface AbortListener {
  handleEvent(): void;
}

/** What an AbortSignal and a {@link LazyAbort} have in common. */
export interface AbortSource {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: AbortListener, options?: { once: true }): void;
  removeEventListener(type: "abort", listener: AbortListener): void;
}

/** The signal of a source, for code that needs a real one. */
export function signalOf(source: AbortSource): AbortSignal {
  return source instanceof LazyAbort ? source.signal : (source as AbortSignal);
}

/**
 * An AbortController that creates its signal when that is first used: a signal and a listener cost
 * more than the rest of a short call, and a KiB for each call that lasts. Listeners can be added
 * here as to a signal.
 */
export class LazyAbort implements AbortSource {
  #listeners: readonly AbortListener[] = [];
  #controller: AbortController | undefined;
  #isAborted = false;
  #reason: unknown;

  get aborted(): boolean {
    return this.#isAborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#isAborted) {
        this.#controller.abort(this.#reason);
      }
    }
    return this.#controller.signal;
  }

  /** The first reason counts. */
  abort(reason: unknown): void {
    if (this.#isAborted) {
      return;
    }
    this.#isAborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) {
      listener.handleEvent();
    }
  }

  addEventListener(_type: "abort", listener: AbortListener): void {
    // Most have one, and `push` or a spread would make room for 17.
    this.#listeners = this.#listeners.concat(listener);
  }

  removeEventListener(_type: "abort", listener: AbortListener): void {
    this.#listeners = this.#listeners.filter((other) => other !== listener);
  }
}
