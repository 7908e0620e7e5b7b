import { closedError } from "../errors.js";
import type { HeadListener, RoomRange } from "../message-log.js";

/** The listeners that are called whenever the head of a log moves. */
export class HeadListeners {
  readonly #listeners = new Set<HeadListener>();
  #isClosed = false;

  /** See `MessageLog.listen`. */
  listen(listener: HeadListener): () => void {
    if (this.#isClosed) {
      listener.closed(closedError());
      return () => {};
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The head has moved.
   *
   * @param ranges the added messages; undefined if they are unknown
   */
  notify(ranges: readonly RoomRange[] | undefined): void {
    for (const listener of this.#listeners) {
      listener.moved(ranges);
    }
  }

  /** The head does not move any more. Notifies all listeners, and those that come later. */
  close(): void {
    this.#isClosed = true;
    for (const listener of this.#listeners) {
      listener.closed(closedError());
    }
    this.#listeners.clear();
  }
}
