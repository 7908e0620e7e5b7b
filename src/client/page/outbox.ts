import { ConnectError } from "@connectrpc/connect";
import type { Publisher } from "../index.js";
import { create, element } from "./element.js";

/** A post that takes longer than this is shown, in milliseconds: most are stored by then. */
const showAfterMs = 400;

/** The posts that the log has not shown yet, below the messages. */
export class Outbox {
  readonly #place = element("outbox", HTMLElement);
  readonly #publisher: Publisher;
  readonly #onEdit: (text: string) => void;
  /** Stored already, but not yet come back as messages: their sequences. */
  readonly #stored = new Map<HTMLElement, bigint>();
  #newest = 0n;
  #unsent = 0;

  /** @param onEdit gets the text of a post that has failed, to be written anew */
  constructor(publisher: Publisher, onEdit: (text: string) => void, signal: AbortSignal) {
    this.#publisher = publisher;
    this.#onEdit = onEdit;
    signal.addEventListener("abort", () => this.#place.replaceChildren(), { once: true });
  }

  /** How many posts have no answer. */
  get unsent(): number {
    return this.#unsent;
  }

  /** Posts a text. Never rejects: what fails is shown with its reason. */
  async post(text: string): Promise<void> {
    const note = create("span", "note", "Sending …");
    const row = create("div", "pending");
    const body = create("p", "text", text);
    body.dir = "auto";
    row.append(body, note);
    const timer = setTimeout(() => row.removeAttribute("hidden"), showAfterMs);
    row.hidden = true;
    this.#place.append(row);
    this.#unsent++;
    try {
      const { sequence } = await this.#publisher.post(text);
      note.textContent = "Sent";
      this.#stored.set(row, sequence);
      this.seen(this.#newest);
    } catch (error) {
      clearTimeout(timer);
      this.#showFailure(row, note, text, ConnectError.from(error));
    } finally {
      this.#unsent--;
    }
  }

  /** The log has shown its messages up to this sequence. */
  seen(sequence: bigint): void {
    this.#newest = sequence;
    for (const [row, stored] of this.#stored) {
      if (stored <= sequence) {
        this.#stored.delete(row);
        row.remove();
      }
    }
  }

  #showFailure(row: HTMLElement, note: HTMLElement, text: string, error: ConnectError): void {
    const edit = create("button", "", "Edit");
    edit.type = "button";
    edit.addEventListener("click", () => {
      row.remove();
      this.#onEdit(text);
    });
    note.textContent = `Not sent: ${error.rawMessage}`;
    note.role = "alert";
    row.append(edit);
    row.classList.add("failed");
    row.hidden = false;
  }
}
