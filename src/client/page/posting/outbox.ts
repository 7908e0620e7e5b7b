import { ConnectError } from "@connectrpc/connect";
import { onAbort } from "../../../async/abort.js";
import type { Publisher } from "../../index.js";
import { create, element, shown } from "../element.js";

/** A post that takes longer than this is shown, in milliseconds: most are stored by then. */
const showAfterMs = 400;

/** The posts that have not come back from the log yet, below the messages of their room. */
export class Outbox {
  readonly #place = element("outbox", HTMLElement);
  readonly #publisher: Publisher;
  readonly #onEdit: (text: string) => void;
  /** Sequences of the posts that are stored, but have not come back as messages yet. */
  readonly #stored = new Map<HTMLElement, bigint>();
  #room = "";
  #newest = 0n;
  #unsent = 0;

  /** @param onEdit gets the text of a failed post, to be edited */
  constructor(publisher: Publisher, onEdit: (text: string) => void, signal: AbortSignal) {
    this.#publisher = publisher;
    this.#onEdit = onEdit;
    onAbort(signal, () => this.#place.replaceChildren());
  }

  /** The number of posts without an answer. */
  get unsent(): number {
    return this.#unsent;
  }

  /** Opens a room by its title: shows the posts to it, and sends new ones there. */
  open(room: string): void {
    this.#room = room;
    for (const row of this.#place.children) {
      this.#showOpen(row as HTMLElement);
    }
  }

  /** Posts a text to the open room. Never rejects: a failed post is shown with its reason. */
  async post(text: string): Promise<void> {
    const note = create("span", "note", "Sending …");
    const row = create("div", "pending");
    const body = create("p", "text", text);
    body.dir = "auto";
    row.append(body, note);
    row.dataset.room = this.#room;
    const timer = setTimeout(() => {
      row.dataset.isDue = "";
      this.#showOpen(row);
    }, showAfterMs);
    row.hidden = true;
    this.#place.append(row);
    this.#unsent++;
    try {
      const { sequence } = await this.#publisher.post(text, { room: this.#room });
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

  /** Messages up to this sequence have come back from the log. */
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
    note.textContent = shown(`Not sent: ${error.rawMessage}`);
    note.role = "alert";
    row.append(edit);
    row.classList.add("failed");
    row.dataset.isDue = "";
    this.#showOpen(row);
  }

  /** Shows waiting and failed posts, in their room. */
  #showOpen(row: HTMLElement): void {
    row.hidden = row.dataset.isDue === undefined || row.dataset.room !== this.#room;
  }
}
