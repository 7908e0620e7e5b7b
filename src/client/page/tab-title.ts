import { onAbort } from "../../async/abort.js";
import { countText } from "./rooms/room-names.js";

/** The title of the tab: the number of unread messages, and the open room. */
export class TabTitle {
  #room = "";
  #unread = 0;

  constructor(signal: AbortSignal) {
    onAbort(signal, () => {
      document.title = "Chatter";
    });
  }

  set room(room: string) {
    this.#room = room;
    this.#show();
  }

  set unread(unread: number) {
    this.#unread = unread;
    this.#show();
  }

  #show(): void {
    const count = this.#unread > 0 ? `(${countText(this.#unread)}) ` : "";
    document.title = `${count}${this.#room} – Chatter`;
  }
}
