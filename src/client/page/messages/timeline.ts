import { ConnectError } from "@connectrpc/connect";
import { onAbort } from "../../../async/abort.js";
import { roomOf } from "../../../protocol/rooms.js";
import type { StateListener } from "../../connection-state.js";
import type { ChatterClient, HistoryOptions } from "../../index.js";
import { element, shown } from "../element.js";
import { type ChatMessage, fromHistory } from "./chat-message.js";
import { MessageList, maxRows } from "./message-list.js";

/** How many messages are shown at first, and loaded at once when the reader scrolls on. */
const pageSize = 50;

/**
 * Decides which messages of a room are in the list: the newest while the reader is at its end,
 * added once a frame however many arrive; older and newer ones as the reader scrolls near to them.
 */
export class Timeline {
  readonly #chatter: ChatterClient;
  readonly #room: string;
  readonly #ofReading: () => StateListener;
  readonly #signal: AbortSignal;
  readonly #list: MessageList;
  readonly #mark = element("beginning", HTMLElement);
  readonly #latest = element("latest", HTMLButtonElement);
  /** The newest messages, without a gap: the list continues with them, or jumps to them. */
  readonly #tail: ChatMessage[] = [];
  /** Whether the list ends with the newest message, or will after the next frame. */
  #isAttached = true;
  #hasBeginning = false;
  #isLoading = false;
  #frame: number | undefined;
  #unseen = 0;

  /**
   * @param room its title
   * @param ofReading makes what gets the state of the connection while messages are read
   */
  constructor(
    chatter: ChatterClient,
    room: string,
    ofReading: () => StateListener,
    signal: AbortSignal,
  ) {
    this.#chatter = chatter;
    this.#room = room;
    this.#ofReading = ofReading;
    this.#signal = signal;
    this.#list = new MessageList(() => this.#scrolled(), signal);
    const onLatest = () => {
      this.showLatest();
      this.#list.focus(); // The button disappears.
    };
    this.#latest.addEventListener("click", onLatest, { signal });
    this.#mark.textContent = "";
    this.#showButton();
    onAbort(signal, () => {
      cancelAnimationFrame(this.#frame ?? 0);
      this.#latest.hidden = true;
    });
  }

  /**
   * Shows the last messages, or those around a sequence. Pass messages that arrive after the call
   * to `add`, after it has resolved. Rejects as `history` does.
   */
  async begin(sequence: bigint | undefined): Promise<void> {
    const messages = await this.#read({ last: pageSize });
    this.#hasBeginning = messages.length < pageSize;
    this.#tail.push(...messages);
    this.#list.replace(messages);
    this.#settle();
    if (sequence !== undefined) {
      await this.show(sequence);
    }
  }

  /**
   * Shows the message with a sequence; if there is none, the last one before it. Rejects as
   * `history` does.
   */
  async show(sequence: bigint): Promise<void> {
    if (!this.#list.show(sequence)) {
      const before = await this.#read({ before: sequence + 1n, last: pageSize });
      const at = before.at(-1);
      const after = await this.#read({ after: at?.cursor, limit: pageSize });
      this.#hasBeginning = before.length < pageSize;
      this.#list.replace([...before, ...after]);
      const newest = this.#tail.at(-1)?.sequence ?? 0n;
      this.#isAttached = (this.#list.last?.sequence ?? 0n) >= newest;
      this.#list.show(at?.sequence ?? this.#list.first?.sequence ?? 0n);
    }
    this.#settle();
  }

  /** Adds new messages of the room, without those that are already there. */
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
    // A page in the background has no frames: the tail's limit bounds memory there.
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#update();
    });
  }

  focus(): void {
    this.#list.focus();
  }

  /** Shows the newest message. */
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
        this.#isAttached = false; // Messages in sight stay; the newer ones wait.
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
        this.#mark.textContent = shown(`Cannot load more: ${ConnectError.from(error).rawMessage}`);
      }
      return;
    } finally {
      this.#isLoading = false;
    }
    this.#settle();
  }

  /** The list may now begin with the room's first message, and may not fill the screen. */
  #settle(): void {
    this.#mark.textContent = this.#beginning();
    this.#scrolled();
  }

  async #loadOlder(first: ChatMessage): Promise<void> {
    this.#mark.textContent = "Loading older messages …";
    const messages = await this.#read({ before: first.sequence, last: pageSize });
    if (this.#signal.aborted || this.#list.first !== first) {
      return; // The list shows another place by now.
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
    for await (const stored of this.#chatter.history({
      ...options,
      rooms: [roomOf(this.#room)],
      onState: this.#ofReading(),
      signal: this.#signal,
    })) {
      messages.push(fromHistory(stored));
    }
    return messages;
  }

  /** Whether the tail continues the list without a gap. */
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
