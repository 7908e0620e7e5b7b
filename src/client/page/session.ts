import { Code, ConnectError } from "@connectrpc/connect";
import { LinkedAbort } from "../../async/abort.js";
import { mainRoom } from "../../protocol/rooms.js";
import {
  type ChatterClient,
  type ConnectionState,
  createChatterClient,
  type Subscription,
} from "../index.js";
import type { Login } from "./account/login.js";
import { fromEvent } from "./messages/chat-message.js";
import { Composer } from "./posting/composer.js";
import { Outbox } from "./posting/outbox.js";
import { addressOf, parseAddress } from "./rooms/address.js";
import { OpenRoom } from "./rooms/open-room.js";
import { RoomsPanel } from "./rooms/rooms-panel.js";
import { Unread } from "./rooms/unread.js";
import { StateView } from "./state-view.js";
import { TabTitle } from "./tab-title.js";

export interface SessionEvents {
  /** The server has accepted the login. */
  onEntered(): void;
  /** The connection's state before that. */
  onProgress(text: string): void;
  /** The session has ended, with the reason unless `end` was called. */
  onLeft(reason: string): void;
}

/** A session from login to logout: one subscription to all rooms, and one open room. */
export class Session {
  readonly #end = new AbortController();
  readonly #login: Login;
  readonly #events: SessionEvents;
  readonly #chatter: ChatterClient;
  readonly #outbox: Outbox;
  readonly #composer: Composer;
  readonly #title = new TabTitle(this.#end.signal);
  readonly #stateView = new StateView();
  #rooms: RoomsPanel | undefined;
  #room: OpenRoom | undefined;
  /** The cursor up to which messages are counted. */
  #place: string | undefined;
  #hasEntered = false;

  constructor(login: Login, events: SessionEvents) {
    const { signal } = this.#end;
    this.#login = login;
    this.#events = events;
    this.#chatter = createChatterClient({
      // Relative to the page, so that both may be below a path of a proxy.
      url: new URL(".", location.href),
      auth: (signal) => login.token(this.#chatter.client.login, signal),
    });
    this.#composer = new Composer((text) => this.#post(text), signal);
    const onEdit = (text: string) => {
      this.#composer.write(text);
      this.#composer.focus();
    };
    this.#outbox = new Outbox(this.#chatter.publisher(), onEdit, signal);
    addEventListener("hashchange", () => this.#openAddress(), { signal });
    // A phone may kill the page while it is in the background, without any event.
    const onHide = () => {
      if (document.hidden && this.#place !== undefined) {
        this.#rooms?.keep(this.#place);
      }
    };
    document.addEventListener("visibilitychange", onHide, { signal });
    this.#run();
  }

  get user(): string {
    return this.#login.user;
  }

  /** How many posts would be lost if the session ended now. */
  get unsent(): number {
    return this.#outbox.unsent;
  }

  /** Logs out. */
  end(): void {
    this.#leave("");
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

  /** Reads new messages, until the session ends or the log is replaced. */
  async #follow(): Promise<void> {
    const reading = new LinkedAbort(this.#end.signal);
    const { signal } = reading;
    try {
      const rooms = new RoomsPanel(this.#chatter, this.#login, {
        onOpen: (room) => location.assign(addressOf(room)),
        onUnread: (total) => {
          this.#title.unread = total;
        },
        onState: this.#stateView.ofReading(),
        signal,
      });
      // Stored messages are read after the subscription has begun, so that none is missed between
      // the last stored message and the first live one.
      const subscription = await this.#subscribe(signal);
      if (subscription.state.status !== "closed") {
        await rooms.begin();
        this.#rooms = rooms;
        this.#place = subscription.cursor;
        this.#openAddress();
      }
      for await (const event of subscription) {
        const message = fromEvent(event);
        await this.#roomReady();
        rooms.add(message);
        this.#room?.add(message);
        this.#outbox.seen(message.sequence);
        this.#place = message.cursor;
      }
    } catch (error) {
      // The log was replaced, or missed messages were removed: the page reads the log as it is now.
      const isGone = error instanceof ConnectError && error.code === Code.OutOfRange;
      if (!isGone && !this.#end.signal.aborted) {
        throw error;
      }
    } finally {
      this.#rooms = undefined;
      this.#room = undefined;
      reading.abort();
    }
  }

  /** Resolves when the subscription is live, or the session has ended. */
  #subscribe(signal: AbortSignal): Promise<Subscription> {
    return new Promise((resolve) => {
      const subscription = this.#chatter.subscribe({
        rooms: ["*"],
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

  /** Resolves when the room that is then open has its stored messages. */
  async #roomReady(): Promise<void> {
    let room: OpenRoom | undefined;
    while (room !== this.#room) {
      room = this.#room;
      await room?.ready;
    }
  }

  /** Opens the room in the page's address. */
  #openAddress(): void {
    if (this.#rooms === undefined) {
      return;
    }
    const { room, sequence } = parseAddress(location.hash);
    const title = room ?? this.#rooms.firstRoom;
    if (title !== (room ?? mainRoom)) {
      history.replaceState(null, "", addressOf(title));
    }
    if (title !== this.#room?.title) {
      this.#open(this.#rooms, title, sequence);
    } else if (sequence === undefined) {
      this.#room.showLatest();
    } else {
      this.#room.show(sequence);
    }
  }

  #open(rooms: RoomsPanel, title: string, sequence: bigint | undefined): void {
    this.#room?.close();
    const ofReading = () => this.#stateView.ofReading();
    const room = new OpenRoom(this.#chatter, title, sequence, ofReading, rooms.signal);
    this.#room = room;
    this.#title.room = title;
    this.#composer.open(title, room.isValid ? this.#login.rights.accessTo(title) : "none");
    this.#outbox.open(title);
    // On a phone, the keyboard would hide the messages.
    rooms.open(title);
    if (rooms.isNarrow || !this.#composer.isThere) {
      room.focus();
    } else {
      this.#composer.focus();
    }
  }

  #post(text: string): void {
    this.#outbox.post(text);
    this.#room?.showLatest();
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
      this.#login.forget();
      Unread.forget();
      this.#events.onLeft(reason);
    }
  }
}

function waitingText({ code, rawMessage }: ConnectError): string {
  const isUnreachable = code === Code.Unavailable;
  return `${isUnreachable ? "The server cannot be reached" : rawMessage}. Trying again …`;
}
