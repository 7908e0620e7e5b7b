import type { ConnectionState } from "../index.js";
import { element } from "./element.js";

/**
 * Shows how the page stands with the server. Each step is to be seen; what is read out is
 * only that the connection is lost and that it is back, not every try in between.
 */
export class StateView {
  readonly #state = element("state", HTMLElement);
  readonly #announcement = element("announcement", HTMLElement);
  #wasLive = false;

  constructor() {
    this.#announcement.textContent = "";
  }

  show(state: ConnectionState): void {
    this.#state.dataset.status = state.status;
    this.#state.textContent = this.#textOf(state);
    this.#state.title = "reason" in state ? (state.reason?.rawMessage ?? "") : "";
    if (state.status === "live") {
      this.#announce(this.#wasLive ? "Live again." : "Live.");
      this.#wasLive = true;
    } else if (state.status === "waiting" && this.#wasLive) {
      this.#announce("The connection is lost. Trying again.");
    }
  }

  #textOf(state: ConnectionState): string {
    switch (state.status) {
      case "live":
        return "Live";
      case "waiting":
        return `Waiting: next try in ${Math.ceil(state.delayMs / 1000)} s`;
      case "closed":
        return "Ended";
      default:
        return this.#wasLive ? "Reconnecting …" : "Connecting …";
    }
  }

  #announce(text: string): void {
    if (this.#announcement.textContent !== text) {
      this.#announcement.textContent = text;
    }
  }
}
