import type { NewMessage } from "../message-log.js";

/** Maximum size of all waiting messages of all calls, in characters. */
const maxWaiting = 256 * 1024 * 1024;
/** Size of a message besides its text and its id, in characters. */
const messageOverhead = 64;

/** The size of a waiting call, in characters. */
export function waitingSize(messages: readonly NewMessage[]): number {
  let size = 0;
  for (const { text, messageId } of messages) {
    size += text.length + messageId.length + messageOverhead;
  }
  return size;
}

/**
 * Limits the messages that wait to be stored: the more of the limit is used, the less each sender
 * may have of it. A sender alone may use half, so that there is always space for others.
 */
export class Backlog {
  readonly #max: number;
  readonly #bySender = new Map<string, number>();
  #total = 0;

  /** @param max in total, in characters. Default: 256 Mi. */
  constructor(max = maxWaiting) {
    this.#max = max;
  }

  /**
   * Whether this many more characters may wait; if so, call `leave` in the end. A call may always
   * wait if there is no other.
   */
  enter(sender: string, size: number): boolean {
    const own = this.#bySender.get(sender) ?? 0;
    if (this.#total > 0 && own + size > this.#max - this.#total) {
      return false;
    }
    this.#bySender.set(sender, own + size);
    this.#total += size;
    return true;
  }

  leave(sender: string, size: number): void {
    const own = this.#bySender.get(sender)! - size;
    if (own > 0) {
      this.#bySender.set(sender, own);
    } else {
      this.#bySender.delete(sender);
    }
    this.#total -= size;
  }
}
