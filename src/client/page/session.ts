import { Code, ConnectError } from "@connectrpc/connect";
import {
  type ChatterClient,
  type ConnectionState,
  createChatterClient,
  type Publisher,
  type Subscription,
} from "../index.js";
import { fromEvent } from "./chat-message.js";
import { Composer } from "./composer.js";
import type { Account } from "./login-view.js";
import { Outbox } from "./outbox.js";
import { StateView } from "./state-view.js";
import { Timeline } from "./timeline.js";

export interface SessionEvents {
  /** The server has accepted the account. */
  onEntered(): void;
  /** How it stands before that. */
  onProgress(text: string): void;
  /** It is over, with the reason if it was not `end`. */
  onLeft(reason: string): void;
}

/**
 * From logging in to logging out. The account stays in this object, so that tokens can be
 * renewed, and is stored nowhere: what is in a browser's storage is read by every page of
 * the origin, and some of it is written to the disk.
 */
export class Session {
  readonly #end = new AbortController();
  readonly #events: SessionEvents;
  readonly #chatter: ChatterClient;
  readonly #publisher: Publisher;
  readonly #outbox: Outbox;
  readonly #composer: Composer;
  readonly #stateView = new StateView();
  #timeline: Timeline | undefined;
  #hasEntered = false;

  constructor(account: Account, events: SessionEvents) {
    this.#events = events;
    // Relative to the page, so that both may be below a path of a proxy.
    this.#chatter = createChatterClient({ url: new URL(".", location.href), auth: account });
    this.#publisher = this.#chatter.publisher();
    this.#composer = new Composer((text) => this.#post(text), this.#end.signal);
    const onEdit = (text: string) => {
      this.#composer.write(text);
      this.#composer.focus();
    };
    this.#outbox = new Outbox(this.#publisher, onEdit, this.#end.signal);
    this.#run();
  }

  /** How many posts would be lost by ending it now. */
  get unsent(): number {
    return this.#outbox.unsent;
  }

  /** Logs out. */
  end(): void {
    this.#leave("");
  }

  focus(): void {
    this.#composer.focus();
  }

  async #run(): Promise<void> {
    try {
      while (!this.#end.signal.aborted) {
        await this.#follow();
      }
    } catch (error) {
      this.#leave(ConnectError.from(error).rawMessage);
    }
  }

  /** Reads from the newest on, until it is over or the log has gone away under it. */
  async #follow(): Promise<void> {
    const reading = new AbortController();
    const stop = () => reading.abort();
    this.#end.signal.addEventListener("abort", stop, { once: true });
    const { signal } = reading;
    try {
      const timeline = new Timeline(this.#chatter, signal);
      this.#timeline = timeline;
      // Stored messages are asked for when the subscription has begun, so that there is no
      // hole between the last of them and the first live one.
      const subscription = await this.#subscribe(signal);
      if (subscription.state.status !== "closed") {
        await timeline.begin();
      }
      for await (const event of subscription) {
        timeline.add(fromEvent(event));
        this.#outbox.seen(event.sequence);
      }
    } catch (error) {
      // Another log, or what is missing was removed: what there is now is shown.
      const isGone = error instanceof ConnectError && error.code === Code.OutOfRange;
      if (!isGone && !this.#end.signal.aborted) {
        throw error;
      }
    } finally {
      this.#end.signal.removeEventListener("abort", stop);
      reading.abort();
    }
  }

  /** Resolves when it is live, or over. */
  #subscribe(signal: AbortSignal): Promise<Subscription> {
    return new Promise((resolve) => {
      const subscription = this.#chatter.subscribe({
        signal,
        onState: (state) => {
          this.#showState(state);
          if (state.status === "live" || state.status === "closed") {
            resolve(subscription);
          }
        },
      });
    });
  }

  #post(text: string): void {
    this.#outbox.post(text);
    this.#timeline?.showLatest();
  }

  #showState(state: ConnectionState): void {
    this.#stateView.show(state);
    if (state.status === "live" && !this.#hasEntered) {
      this.#hasEntered = true;
      this.#events.onEntered();
    }
    if (!this.#hasEntered) {
      this.#events.onProgress(
        state.status === "waiting" ? waitingText(state.reason) : "Logging in …",
      );
    }
  }

  #leave(reason: string): void {
    if (!this.#end.signal.aborted) {
      this.#end.abort();
      this.#chatter.close();
      this.#events.onLeft(reason);
    }
  }
}

function waitingText({ code, rawMessage }: ConnectError): string {
  const isUnreachable = code === Code.Unavailable;
  return `${isUnreachable ? "The server cannot be reached" : rawMessage}. Trying again …`;
}
