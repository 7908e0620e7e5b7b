import { onAbort } from "../../../async/abort.js";
import type { RoomAccess } from "../account/rights.js";
import { element } from "../element.js";

/** Maximum number of lines that the box grows to. */
const maxLines = 6;

/** The box for writing messages. */
export class Composer {
  readonly #form = element("composer", HTMLFormElement);
  readonly #text = element("text", HTMLTextAreaElement);
  readonly #readOnly = element("read-only", HTMLElement);
  /** Unposted drafts, by room. */
  readonly #drafts = new Map<string, string>();
  #room = "";

  /** @param onPost gets each text to post */
  constructor(onPost: (text: string) => void, signal: AbortSignal) {
    onAbort(signal, () => this.write(""));
    this.#text.addEventListener("input", () => this.#grow(), { signal });
    this.#text.addEventListener(
      "keydown",
      (event) => {
        // While an input method composes, Enter belongs to it.
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          this.#form.requestSubmit();
        }
      },
      { signal },
    );
    this.#form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        const text = this.#text.value;
        this.#text.focus();
        if (text.trim() !== "") {
          this.write("");
          onPost(text);
        }
      },
      { signal },
    );
  }

  /** Switches to a room and its draft. The box is hidden if the user may not post to the room. */
  open(room: string, access: RoomAccess): void {
    this.#drafts.set(this.#room, this.#text.value);
    if (this.#text.value === "") {
      this.#drafts.delete(this.#room);
    }
    this.#room = room;
    this.#form.hidden = access !== "post";
    this.#readOnly.hidden = access !== "read";
    this.#text.placeholder = `Write to ${room}`;
    this.write(this.#drafts.get(room) ?? "");
  }

  /** Whether the box is shown: the user may post to the room. */
  get isThere(): boolean {
    return !this.#form.hidden;
  }

  /** Puts a text into the box, to be edited. */
  write(text: string): void {
    this.#text.value = text;
    this.#grow();
  }

  focus(): void {
    this.#text.focus();
  }

  #grow(): void {
    this.#text.rows = Math.min(maxLines, this.#text.value.split("\n").length);
  }
}
