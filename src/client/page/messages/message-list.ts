import { onAbort } from "../../../async/abort.js";
import { ArrowKeys } from "../arrow-keys.js";
import { element } from "../element.js";
import type { ChatMessage } from "./chat-message.js";
import { createRow, joinRow, messageLink } from "./message-row.js";

/** Maximum number of messages in the document: more would make it slow. */
export const maxRows = 500;
/** The list counts as being at its end if it is this close to it, in pixels. */
const endPx = 40;
/** Maximum number of new messages at once that a screen reader announces. */
const readOut = 3;

interface Item {
  readonly message: ChatMessage;
  readonly row: HTMLElement;
}

/**
 * The messages in the document: at most {@link maxRows}, without a gap. At its end, the list stays
 * at the end. Elsewhere, the messages in sight keep their place when others are added or removed
 * before or after them.
 */
export class MessageList {
  readonly #scroller = element("scroller", HTMLElement);
  readonly #content = element("content", HTMLElement);
  readonly #rows = element("rows", HTMLElement);
  readonly #keys: ArrowKeys;
  #items: Item[] = [];
  #isAtEnd = true;
  #scrollHeight = 0;
  #clientHeight = 0;

  /** Ends, and is empty, when the signal is aborted. */
  constructor(onScroll: () => void, signal: AbortSignal) {
    const onScrolled = () => {
      const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
      // If sizes have changed too, the reader has not scrolled: onResized follows.
      const isReader = scrollHeight === this.#scrollHeight && clientHeight === this.#clientHeight;
      const isNear = scrollHeight - scrollTop - clientHeight < endPx;
      this.#isAtEnd = isNear || (this.#isAtEnd && !isReader);
      this.#stopInSight();
      onScroll();
    };
    this.#keys = new ArrowKeys(this.#rows, messageLink, signal);
    this.#scroller.addEventListener("scroll", onScrolled, { passive: true, signal });
    // When the window or rows change their sizes, the end stays in sight.
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
    onAbort(signal, () => {
      sizes.disconnect();
      this.#rows.replaceChildren();
    });
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

  /** Whether the reader is less than a screen away from the start, or the end. */
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

  /** Scrolls to a message, marks it, and focuses it. Returns false if the list does not have it. */
  show(sequence: bigint): boolean {
    const found = this.#items.find(({ message }) => message.sequence === sequence);
    if (found === undefined) {
      return false;
    }
    for (const { row } of this.#items) {
      row.classList.toggle("shown", row === found.row);
    }
    linkIn(found.row).focus({ preventScroll: true });
    this.#isAtEnd = false; // Otherwise the list would scroll to the end again.
    found.row.scrollIntoView({ block: "center" });
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < endPx;
    return true;
  }

  /** Adds newer messages; removes surplus ones at the start. */
  append(messages: readonly ChatMessage[]): void {
    this.#setReadOut(this.#isAtEnd && messages.length <= readOut);
    this.#push(messages);
  }

  /** Adds older messages; removes surplus ones at the end. */
  prepend(messages: readonly ChatMessage[]): void {
    this.#setReadOut(false);
    this.#keepPlace(() => {
      const added = messages.map(createItem);
      this.#items.unshift(...added);
      this.#rows.prepend(...added.map(({ row }) => row));
      this.#remove(this.#items.splice(maxRows));
    });
  }

  /** Replaces all messages, and shows the last. */
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
    // The bottom of the row: its name disappears if a message of the same sender comes before it.
    const before = anchor?.getBoundingClientRect().bottom ?? 0;
    change();
    for (const [i, { message, row }] of this.#items.entries()) {
      joinRow(row, message, this.#items[i - 1]?.message);
    }
    if (anchor?.isConnected) {
      this.#scroller.scrollTop += anchor.getBoundingClientRect().bottom - before;
    }
    this.#stopInSight();
  }

  /** Tab reaches the last message in sight, unless the arrow keys are at another. */
  #stopInSight(): void {
    const { bottom } = this.#scroller.getBoundingClientRect();
    if (this.#keys.stop === undefined || !this.#rows.contains(document.activeElement)) {
      let [from, to] = [0, this.#isAtEnd ? 0 : this.#items.length - 1];
      while (from < to) {
        const middle = Math.ceil((from + to) / 2);
        const isBelow = this.#items[middle]!.row.getBoundingClientRect().bottom > bottom;
        [from, to] = isBelow ? [from, middle - 1] : [middle, to];
      }
      const item = this.#isAtEnd ? this.#items.at(-1) : this.#items[from];
      if (item) {
        this.#keys.stopAt(linkIn(item.row));
      }
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

function linkIn(row: HTMLElement): HTMLElement {
  return row.querySelector<HTMLElement>(messageLink)!;
}

function createItem(message: ChatMessage): Item {
  return { message, row: createRow(message) };
}
