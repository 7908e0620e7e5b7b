/** Like an EventTarget's: it is called once. */
interface AbortListener {
  handleEvent(): void;
}

/**
 * An AbortController for short calls: it creates its signal when that is first used, because a
 * signal and a listener cost more than the rest of a short call. Listeners can be added here as to
 * a signal.
 */
export class LazyAbort {
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
