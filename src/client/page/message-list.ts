import type { ChatMessage } from "./chat-message.js";
import { element } from "./element.js";
import { continues, createRow } from "./message-row.js";

/** At most so many messages are in the document: more would make it slow. */
export const maxRows = 500;
/** So near to the end counts as at the end, in pixels. */
const endPx = 40;
/** So many new messages at once are read out by a screen reader; more would be a flood. */
const readOut = 3;

interface Item {
  readonly message: ChatMessage;
  readonly row: HTMLElement;
}

/**
 * The messages in the document: a run without a hole of at most {@link maxRows}. At the end
 * it stays at the end; anywhere else what is read keeps its place, whatever is added or
 * taken off before or after it.
 */
export class MessageList {
  readonly #scroller = element("scroller", HTMLElement);
  readonly #content = element("content", HTMLElement);
  readonly #rows = element("rows", HTMLElement);
  #items: Item[] = [];
  #isAtEnd = true;
  #scrollHeight = 0;
  #clientHeight = 0;

  /** Is over, and empty, when the signal is aborted. */
  constructor(onScroll: () => void, signal: AbortSignal) {
    const onScrolled = () => {
      const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
      // If sizes have changed too, it is no reader who has left the end: onResized follows.
      const isReader = scrollHeight === this.#scrollHeight && clientHeight === this.#clientHeight;
      const isNear = scrollHeight - scrollTop - clientHeight < endPx;
      this.#isAtEnd = isNear || (this.#isAtEnd && !isReader);
      onScroll();
    };
    this.#scroller.addEventListener("scroll", onScrolled, { passive: true, signal });
    // The window and the rows change their sizes; the end stays in sight all the same.
    const onResized = () => {
      if (this.#isAtEnd) {
        this.scrollToEnd();
      }
      this.#scrollHeight = this.#scroller.scrollHeight;
      this.#clientHeight = this.#scroller.clientHeight;
    };
    const sizes = new ResizeObserver(onResized);
    sizes.observe(this.#scroller);
    sizes.observe(this.#content);
    const onAbort = () => {
      sizes.disconnect();
      this.#rows.replaceChildren();
    };
    signal.addEventListener("abort", onAbort, { once: true });
  }

  get first(): ChatMessage | undefined {
    return this.#items[0]?.message;
  }

  get last(): ChatMessage | undefined {
    return this.#items.at(-1)?.message;
  }

  get length(): number {
    return this.#items.length;
  }

  /** Whether the reader is at its end. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Whether the reader is less than a screen away from its start, or its end. */
  isNear(place: "start" | "end"): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const distance = place === "start" ? scrollTop : scrollHeight - scrollTop - clientHeight;
    return distance < clientHeight;
  }

  focus(): void {
    this.#scroller.focus({ preventScroll: true });
  }

  scrollToEnd(): void {
    this.#isAtEnd = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** Adds newer messages; too many go at the start. */
  append(messages: readonly ChatMessage[]): void {
    this.#setReadOut(this.#isAtEnd && messages.length <= readOut);
    this.#push(messages);
  }

  /** Adds older messages; too many go at the end. */
  prepend(messages: readonly ChatMessage[]): void {
    this.#setReadOut(false);
    this.#keepPlace(() => {
      const added = messages.map(createItem);
      this.#items.unshift(...added);
      this.#rows.prepend(...added.map(({ row }) => row));
      this.#remove(this.#items.splice(maxRows));
    });
  }

  /** Has these messages, and no others, and shows the last. */
  replace(messages: readonly ChatMessage[]): void {
    this.#setReadOut(false);
    this.#remove(this.#items.splice(0));
    this.#push(messages);
    this.scrollToEnd();
  }

  #push(messages: readonly ChatMessage[]): void {
    this.#keepPlace(() => {
      const added = messages.map(createItem);
      this.#items.push(...added);
      this.#rows.append(...added.map(({ row }) => row));
      this.#remove(this.#items.splice(0, this.#items.length - maxRows));
    });
  }

  #remove(items: readonly Item[]): void {
    for (const { row } of items) {
      row.remove();
    }
  }

  #keepPlace(change: () => void): void {
    const anchor = this.#isAtEnd ? undefined : this.#firstInSight();
    // Its bottom: the name above it goes when a message of the same sender comes before it.
    const before = anchor?.getBoundingClientRect().bottom ?? 0;
    change();
    for (const [i, { message, row }] of this.#items.entries()) {
      row.classList.toggle("continued", continues(this.#items[i - 1]?.message, message));
    }
    if (anchor?.isConnected) {
      this.#scroller.scrollTop += anchor.getBoundingClientRect().bottom - before;
    }
  }

  #firstInSight(): HTMLElement | undefined {
    const { top } = this.#scroller.getBoundingClientRect();
    return this.#items.find(({ row }) => row.getBoundingClientRect().bottom > top)?.row;
  }

  #setReadOut(isReadOut: boolean): void {
    this.#rows.ariaLive = isReadOut ? "polite" : "off";
  }
}

function createItem(message: ChatMessage): Item {
  return { message, row: createRow(message) };
}
