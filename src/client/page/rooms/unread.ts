import { onAbort } from "../../../async/abort.js";
import type { RoomsResponse } from "../../index.js";
import { keep, kept } from "../kept.js";
import type { ChatMessage } from "../messages/chat-message.js";
import { maxRooms, type RoomList } from "./room-list.js";

/** The counts in the tab's storage, so that they survive a reload. */
interface KeptUnread {
  readonly user: string;
  /** The cursor after which messages are not counted yet. */
  readonly cursor: string;
  /** The number of unread messages up to then, by the title of the room. */
  readonly counts: Readonly<Record<string, number>>;
}

const name = "unread";
/** How often the counts are shown, in milliseconds: thousands of messages may arrive at once. */
const showMs = 50;

/**
 * The unread messages of each room: those from other users that arrived while the room was not
 * open, or while the page was not visible.
 */
export class Unread {
  readonly #user: string;
  readonly #list: RoomList;
  readonly #onChange: (total: number) => void;
  readonly #signal: AbortSignal;
  readonly #counts = new Map<string, number>();
  /** The sequence up to which messages are already counted, by room. */
  readonly #counted = new Map<string, bigint>();
  readonly #changed = new Set<string>();
  #total = 0;
  #open = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onChange gets the total over all rooms */
  constructor(
    user: string,
    list: RoomList,
    onChange: (total: number) => void,
    signal: AbortSignal,
  ) {
    this.#user = user;
    this.#list = list;
    this.#onChange = onChange;
    this.#signal = signal;
    onAbort(signal, () => clearTimeout(this.#timer));
    document.addEventListener("visibilitychange", () => this.#look(), { signal });
  }

  /** The cursor after which to count messages, if an earlier page has stored one. */
  static keptPlace(user: string): string | undefined {
    const { user: whose, cursor } = kept<KeptUnread>(name) ?? {};
    return whose === user ? cursor : undefined;
  }

  /** Removes the stored counts. */
  static forget(): void {
    keep(name, undefined);
  }

  /** Begins with the existing rooms, and with the counts that an earlier page has stored. */
  begin(rooms: readonly RoomsResponse[]): void {
    const { counts = {} } = kept<KeptUnread>(name) ?? {};
    Unread.forget(); // Its counts are included below.
    for (const { room, lastSequence, messagesSince } of rooms) {
      this.#counted.set(room, lastSequence);
      this.#set(room, (counts[room] ?? 0) + Number(messagesSince));
    }
  }

  /** Counts a new message of a room. */
  add({ room, sequence, sender }: ChatMessage): void {
    if (sequence <= (this.#counted.get(room) ?? 0n)) {
      return;
    }
    const isRead = sender === this.#user || (room === this.#open && !document.hidden);
    this.#set(room, (this.#counts.get(room) ?? 0) + (isRead ? 0 : 1));
  }

  /** A room was opened: its messages are read. */
  open(room: string): void {
    this.#open = room;
    this.#look();
  }

  /** Stores the counts for the next page in this tab, which continues after a cursor. */
  keep(cursor: string): void {
    const counts = Object.fromEntries([...this.#counts].filter(([, count]) => count > 0));
    keep<KeptUnread>(name, { user: this.#user, cursor, counts });
  }

  #look(): void {
    if (!document.hidden && this.#open !== "") {
      this.#set(this.#open, 0);
    }
  }

  #set(room: string, count: number): void {
    const before = this.#counts.get(room);
    if (before === undefined && this.#counts.size >= maxRooms && room !== this.#open) {
      return; // The list does not have it either.
    }
    if (before !== count) {
      this.#counts.set(room, count);
      this.#total += count - (before ?? 0);
      this.#changed.add(room);
      this.#show();
    }
  }

  #show(): void {
    if (this.#timer !== undefined || this.#signal.aborted) {
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      for (const room of this.#changed) {
        this.#list.show(room, this.#counts.get(room)!);
      }
      this.#changed.clear();
      this.#onChange(this.#total);
    }, showMs);
  }
}
