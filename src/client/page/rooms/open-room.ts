import { ConnectError } from "@connectrpc/connect";
import { LinkedAbort } from "../../../async/abort.js";
import { isRoomName, roomRule } from "../../../protocol/rooms.js";
import type { StateListener } from "../../connection-state.js";
import type { ChatterClient } from "../../index.js";
import { element, shown } from "../element.js";
import type { ChatMessage } from "../messages/chat-message.js";
import { Timeline } from "../messages/timeline.js";

/** The room whose messages are shown. */
export class OpenRoom {
  readonly title: string;
  /** Whether the name is valid: an address may have any. */
  readonly isValid: boolean;
  /** Resolves when its stored messages are shown, or reading them has failed. Then call `add`. */
  readonly ready: Promise<void>;
  readonly #mark = element("beginning", HTMLElement);
  readonly #end: LinkedAbort;
  readonly #timeline: Timeline | undefined;

  /**
   * Opens a room by its title. From now on, pass new messages to `add`, after `ready`.
   *
   * @param sequence of the message to show; undefined: the newest
   * @param ofReading makes what gets the state of the connection while messages are read
   */
  constructor(
    chatter: ChatterClient,
    title: string,
    sequence: bigint | undefined,
    ofReading: () => StateListener,
    signal: AbortSignal,
  ) {
    this.title = title;
    this.isValid = isRoomName(title);
    this.#end = new LinkedAbort(signal);
    element("room-title", HTMLElement).textContent = shown(title);
    if (this.isValid) {
      const timeline = new Timeline(chatter, title, ofReading, this.#end.signal);
      this.#timeline = timeline;
      this.ready = this.#orSay(timeline.begin(sequence));
    } else {
      this.#mark.textContent = `This is not a valid name: ${roomRule}.`;
      this.ready = Promise.resolve();
    }
  }

  /** Adds a new message of any room. */
  add(message: ChatMessage): void {
    if (message.room === this.title) {
      this.#timeline?.add(message);
    }
  }

  /** Shows the message with a sequence. */
  show(sequence: bigint): void {
    if (this.#timeline) {
      this.#orSay(this.#timeline.show(sequence));
    }
  }

  showLatest(): void {
    this.#timeline?.showLatest();
  }

  focus(): void {
    this.#timeline?.focus();
  }

  close(): void {
    this.#end.abort();
  }

  /**
   * Never rejects: if reading fails for good, the page shows the reason instead of the messages.
   */
  async #orSay(reading: Promise<void>): Promise<void> {
    try {
      await reading;
    } catch (error) {
      if (!this.#end.signal.aborted) {
        this.#mark.textContent = shown(
          `Cannot show this room: ${ConnectError.from(error).rawMessage}`,
        );
      }
    }
  }
}
