import { Code, ConnectError } from "@connectrpc/connect";
import { mainRoom } from "../../../protocol/rooms.js";
import type { StateListener } from "../../connection-state.js";
import type { ChatterClient, RoomsResponse } from "../../index.js";
import type { Login } from "../account/login.js";
import type { ChatMessage } from "../messages/chat-message.js";
import { RoomFinder } from "./room-finder.js";
import { maxRooms, RoomList } from "./room-list.js";
import { Sidebar } from "./sidebar.js";
import { Unread } from "./unread.js";

export interface RoomsPanelOptions {
  /** Gets the title of each room to open by its name. */
  readonly onOpen: (room: string) => void;
  /** Gets the number of unread messages in all rooms. */
  readonly onUnread: (total: number) => void;
  /** Gets the state of the connection while the rooms are read. */
  readonly onState: StateListener;
  /** Closes the panel when it is aborted: then it is empty. */
  readonly signal: AbortSignal;
}

/** The panel beside the conversation: the rooms, their unread counts, and the search for a room. */
export class RoomsPanel {
  readonly #chatter: ChatterClient;
  readonly #login: Login;
  /** Aborted when the panel is closed. */
  readonly signal: AbortSignal;
  readonly #sidebar: Sidebar;
  readonly #list: RoomList;
  readonly #finder: RoomFinder;
  readonly #unread: Unread;
  readonly #onState: StateListener;
  #firstRoom: string | undefined;

  constructor(
    chatter: ChatterClient,
    login: Login,
    { onOpen, onUnread, onState, signal }: RoomsPanelOptions,
  ) {
    this.#chatter = chatter;
    this.#onState = onState;
    this.#login = login;
    this.signal = signal;
    this.#list = new RoomList(() => this.#finder.focus(), signal);
    const onFound = (room: string) => {
      this.#sidebar.hide();
      onOpen(room);
    };
    this.#finder = new RoomFinder(this.#list, onFound, signal);
    this.#sidebar = new Sidebar(() => this.#list.focusOpen(), signal);
    const showUnread = (total: number) => {
      this.#sidebar.showUnread(total);
      onUnread(total);
    };
    this.#unread = new Unread(login.user, this.#list, showUnread, signal);
  }

  /** The room to open if the address has none. */
  get firstRoom(): string {
    return this.#login.rights.firstRoom ?? this.#firstRoom ?? mainRoom;
  }

  /** Whether there is space only for the rooms or for the conversation, as on a phone. */
  get isNarrow(): boolean {
    return this.#sidebar.isNarrow;
  }

  /** Lists the existing rooms. From now on, pass new messages to `add`. Rejects as `rooms` does. */
  async begin(): Promise<void> {
    const since = Unread.keptPlace(this.#login.user);
    let rooms: readonly RoomsResponse[];
    try {
      rooms = await this.#read(since);
    } catch (error) {
      if (since === undefined || !(error instanceof ConnectError) || !isOfPlace(error)) {
        throw error;
      }
      Unread.forget(); // It belongs to another log, or is too old.
      rooms = await this.#read(undefined);
    }
    this.#firstRoom = rooms[0]?.room;
    this.#finder.isCut = rooms.length > maxRooms;
    if (this.#login.rights.mayRead(mainRoom)) {
      this.#list.show(mainRoom, 0);
    }
    this.#unread.begin(rooms.slice(0, maxRooms));
  }

  /** Adds a new message of any room. */
  add(message: ChatMessage): void {
    this.#unread.add(message);
  }

  /** Marks a room as open. */
  open(room: string): void {
    this.#list.open(room);
    this.#unread.open(room);
    this.#sidebar.hide();
  }

  /** Stores the unread counts for the next page in this tab, which continues after a cursor. */
  keep(cursor: string): void {
    this.#unread.keep(cursor);
  }

  async #read(since: string | undefined): Promise<RoomsResponse[]> {
    const rooms: RoomsResponse[] = [];
    const { signal } = this;
    const options = { since, limit: maxRooms + 1, signal, onState: this.#onState };
    for await (const room of this.#chatter.rooms(options)) {
      rooms.push(room);
    }
    return rooms;
  }
}

function isOfPlace({ code }: ConnectError): boolean {
  return code === Code.OutOfRange || code === Code.InvalidArgument;
}
