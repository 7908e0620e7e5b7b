import { onAbort } from "../../../async/abort.js";
import { ArrowKeys } from "../arrow-keys.js";
import { create, element } from "../element.js";
import { addressOf } from "./address.js";
import { compareRooms, countText } from "./room-names.js";

/** Maximum number of rooms in the document. */
export const maxRooms = 1000;

interface Row {
  readonly item: HTMLLIElement;
  readonly link: HTMLAnchorElement;
  readonly count: HTMLElement;
}

/** The list of rooms in the document: links, in the order of their names, `main` first. */
export class RoomList {
  readonly #place = element("rooms", HTMLUListElement);
  readonly #keys: ArrowKeys;
  readonly #rows = new Map<string, Row>();
  #open: Row | undefined;
  #filter = "";

  /**
   * Empties itself when the signal is aborted.
   *
   * @param onBeforeFirst is called when the user moves up from the first room by the arrow keys
   */
  constructor(onBeforeFirst: () => void, signal: AbortSignal) {
    this.#keys = new ArrowKeys(this.#place, "a", signal, onBeforeFirst);
    onAbort(signal, () => this.#place.replaceChildren());
  }

  /** The number of rooms that match the filter. */
  get shownCount(): number {
    return [...this.#rows.keys()].filter((room) => this.#passes(room)).length;
  }

  /** Shows the unread count of a room, by its title. Adds a new room if the list is not full. */
  show(room: string, unread: number): void {
    const row = this.#rows.get(room) ?? this.#add(room);
    if (row !== undefined) {
      row.item.classList.toggle("unread", unread > 0);
      row.count.replaceChildren(
        ...(unread > 0 ? [countText(unread), create("span", "for-screen-readers", " unread")] : []),
      );
    }
  }

  /** Marks the open room, and adds it if the list lacks it because there are too many rooms. */
  open(room: string): void {
    this.#open?.link.removeAttribute("aria-current");
    this.#open = this.#rows.get(room) ?? this.#insert(room);
    this.#open.link.setAttribute("aria-current", "page");
    this.#open.link.scrollIntoView({ block: "nearest" });
    this.#keys.stopAt(this.#open.link);
  }

  /** Shows only the rooms whose names contain a text. */
  filter(text: string): void {
    this.#filter = text.toLowerCase();
    for (const [room, { item }] of this.#rows) {
      item.hidden = !this.#passes(room);
    }
  }

  focusFirst(): void {
    this.#keys.focusFirst();
  }

  focusOpen(): void {
    this.#open?.link.focus();
  }

  #add(room: string): Row | undefined {
    return this.#rows.size < maxRooms ? this.#insert(room) : undefined;
  }

  #insert(room: string): Row {
    const item = create("li", "");
    const link = create("a", "room");
    const name = create("span", "name", room);
    const count = create("span", "count");
    link.href = addressOf(room);
    link.tabIndex = -1;
    name.title = room; // It may be too long to be shown in full.
    link.append(name, " ", count);
    item.append(link);
    item.hidden = !this.#passes(room);
    this.#place.insertBefore(item, this.#next(room));
    const row = { item, link, count };
    this.#rows.set(room, row);
    return row;
  }

  /** The item before which a room is inserted; null: at the end. */
  #next(room: string): HTMLLIElement | null {
    let next: string | undefined;
    for (const other of this.#rows.keys()) {
      const isLater = compareRooms(other, room) > 0;
      if (isLater && (next === undefined || compareRooms(other, next) < 0)) {
        next = other;
      }
    }
    return next === undefined ? null : this.#rows.get(next)!.item;
  }

  #passes(room: string): boolean {
    return room.toLowerCase().includes(this.#filter);
  }
}
