import type { StateListener } from "../connection-state.js";
import type { ConnectionState } from "../index.js";
import { element, shown } from "./element.js";

/** Screen readers announce a longer disconnection, in milliseconds: renewing a token takes less. */
const announceAfterMs = 2_000;

/**
 * Shows the state of the connection. Each step is visible, but screen readers announce only that
 * the connection was lost and that it is back, not every attempt in between.
 */
export class StateView {
  readonly #state = element("state", HTMLElement);
  readonly #announcement = element("announcement", HTMLElement);
  /** The readings that have to be tried again. */
  readonly #failing = new Map<StateListener, ConnectionState>();
  #connection: ConnectionState = { status: "connecting" };
  #wasLive = false;
  #lost: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#announcement.textContent = "";
  }

  /** Shows the state of the subscription. */
  show(state: ConnectionState): void {
    this.#connection = state;
    this.#update();
  }

  /** For the state of one reading, which is shown in place of the subscription's while it fails. */
  ofReading(): StateListener {
    const listener: StateListener = (state) => {
      const isNext = state.status === "connecting" && this.#failing.has(listener);
      if (state.status === "waiting" || isNext) {
        this.#failing.set(listener, state);
      } else if (!this.#failing.delete(listener)) {
        return;
      }
      this.#update();
    };
    return listener;
  }

  #update(): void {
    const [state = this.#connection] = this.#failing.values();
    this.#state.dataset.status = state.status;
    this.#state.textContent = this.#textOf(state);
    this.#state.title = "reason" in state ? shown(state.reason?.rawMessage ?? "") : "";
    if (state.status === "live" || state.status === "closed") {
      clearTimeout(this.#lost);
      this.#lost = undefined;
    }
    if (state.status === "live") {
      this.#announceLive();
      this.#wasLive = true;
    } else if (state.status === "waiting" && this.#wasLive) {
      this.#lost ??= setTimeout(() => {
        this.#announcement.textContent = "The connection is lost. Trying again.";
      }, announceAfterMs);
    }
  }

  #announceLive(): void {
    if (!this.#wasLive) {
      this.#announcement.textContent = "Live.";
    } else if (!this.#announcement.textContent?.startsWith("Live")) {
      this.#announcement.textContent = "Live again.";
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
}
