import type { ChatterClient, HistoryOptions } from "../index.js";
import { type ChatMessage, fromHistory } from "./chat-message.js";
import { element } from "./element.js";
import { MessageList, maxRows } from "./message-list.js";

/** So many messages are shown at first, and loaded at once when the reader goes on. */
const pageSize = 50;

/**
 * Decides which messages are in the list: the newest while the reader is at its end, once a
 * frame however many come; older and newer ones as the reader comes near to them.
 */
export class Timeline {
  readonly #chatter: ChatterClient;
  readonly #signal: AbortSignal;
  readonly #list: MessageList;
  readonly #mark = element("beginning", HTMLElement);
  readonly #latest = element("latest", HTMLButtonElement);
  /** The newest messages, without a hole: what the list goes on with, or jumps to. */
  readonly #tail: ChatMessage[] = [];
  /** Whether the list ends with the newest message, or will with the next frame. */
  #isAttached = true;
  #hasBeginning = false;
  #isLoading = false;
  #frame: number | undefined;
  #unseen = 0;

  constructor(chatter: ChatterClient, signal: AbortSignal) {
    this.#chatter = chatter;
    this.#signal = signal;
    this.#list = new MessageList(() => this.#scrolled(), signal);
    const onLatest = () => {
      this.showLatest();
      this.#list.focus(); // The button goes.
    };
    this.#latest.addEventListener("click", onLatest, { signal });
    this.#mark.textContent = "";
    this.#showButton();
    signal.addEventListener("abort", () => cancelAnimationFrame(this.#frame ?? 0), { once: true });
  }

  /** Shows the last messages there are. Rejects as `history` does. */
  async begin(): Promise<void> {
    const messages = await this.#read({ last: pageSize });
    this.#hasBeginning = messages.length < pageSize;
    this.#tail.push(...messages);
    this.#list.replace(messages);
    this.#mark.textContent = this.#beginning();
    this.#scrolled();
  }

  /** Takes what was added to the log; what is there already is left out. */
  add(message: ChatMessage): void {
    if (message.sequence <= (this.#tail.at(-1)?.sequence ?? 0n)) {
      return;
    }
    this.#tail.push(message);
    if (this.#tail.length > maxRows) {
      this.#tail.shift();
    }
    if (!this.#list.isAtEnd) {
      this.#unseen++;
    }
    // A page in the background has no frames: there the tail's bound is what holds.
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#update();
    });
  }

  /** Goes to the newest message. */
  showLatest(): void {
    if (this.#isAttached && this.#isJoined()) {
      this.#list.scrollToEnd();
    } else {
      this.#showTail();
    }
    this.#scrolled();
  }

  #update(): void {
    if (this.#isAttached) {
      const fresh = this.#afterList();
      const hasRoom = this.#list.length + fresh.length <= maxRows;
      if (this.#isJoined() && (hasRoom || this.#list.isAtEnd)) {
        this.#append(fresh);
      } else if (this.#list.isAtEnd) {
        this.#showTail();
      } else {
        this.#isAttached = false; // What is being read stays; the newer wait.
      }
      this.#mark.textContent = this.#beginning();
    }
    this.#showButton();
  }

  #scrolled(): void {
    if (this.#list.isAtEnd && this.#isAttached) {
      this.#unseen = 0;
    }
    this.#showButton();
    if (this.#isLoading || this.#list.first === undefined) {
      return;
    }
    if (!this.#hasBeginning && this.#list.isNear("start")) {
      this.#load(() => this.#loadOlder(this.#list.first!));
    } else if (!this.#isAttached && this.#list.isNear("end")) {
      this.#load(() => this.#loadNewer(this.#list.last!));
    }
  }

  async #load(load: () => Promise<void>): Promise<void> {
    this.#isLoading = true;
    try {
      await load();
    } catch (error) {
      if (!this.#signal.aborted) {
        this.#mark.textContent = `Cannot load more: ${(error as Error).message}`;
      }
      return;
    } finally {
      this.#isLoading = false;
    }
    this.#mark.textContent = this.#beginning();
    this.#scrolled(); // What came may not fill the screen.
  }

  async #loadOlder(first: ChatMessage): Promise<void> {
    this.#mark.textContent = "Loading older messages …";
    const messages = await this.#read({ before: first.sequence, last: pageSize });
    if (this.#signal.aborted || this.#list.first !== first) {
      return; // The list has gone elsewhere meanwhile.
    }
    this.#hasBeginning = messages.length < pageSize;
    const { last } = this.#list;
    this.#list.prepend(messages);
    this.#isAttached &&= this.#list.last === last;
  }

  async #loadNewer(last: ChatMessage): Promise<void> {
    const messages = this.#isJoined()
      ? this.#afterList().slice(0, pageSize)
      : await this.#read({ after: last.cursor, limit: pageSize });
    if (this.#signal.aborted || this.#list.last !== last) {
      return;
    }
    this.#append(messages);
    this.#isAttached = this.#list.last!.sequence === this.#tail.at(-1)!.sequence;
  }

  #append(messages: readonly ChatMessage[]): void {
    const { first } = this.#list;
    this.#list.append(messages);
    this.#hasBeginning &&= first === undefined || this.#list.first === first;
  }

  #showTail(): void {
    const { first } = this.#list;
    this.#isAttached = true;
    this.#list.replace(this.#tail);
    this.#hasBeginning &&= this.#list.first === first;
  }

  async #read(options: HistoryOptions): Promise<ChatMessage[]> {
    const messages: ChatMessage[] = [];
    for await (const stored of this.#chatter.history({ ...options, signal: this.#signal })) {
      messages.push(fromHistory(stored));
    }
    return messages;
  }

  /** Whether the tail goes on where the list ends, without a hole. */
  #isJoined(): boolean {
    const { last } = this.#list;
    const oldest = this.#tail[0];
    return last === undefined
      ? this.#hasBeginning && this.#tail.length < maxRows
      : oldest === undefined || oldest.sequence <= last.sequence;
  }

  #afterList(): ChatMessage[] {
    const sequence = this.#list.last?.sequence ?? 0n;
    return this.#tail.filter((message) => message.sequence > sequence);
  }

  #beginning(): string {
    if (!this.#hasBeginning) {
      return "";
    }
    return this.#list.length === 0 ? "There are no messages yet." : "This is the beginning.";
  }

  #showButton(): void {
    this.#latest.hidden = this.#list.isAtEnd && this.#isAttached;
    this.#latest.textContent = this.#unseen === 0 ? "Latest" : `${this.#unseen} new`;
  }
}
