import { isRoomName, roomRule } from "../../../protocol/rooms.js";
import { element } from "../element.js";
import { maxRooms, type RoomList } from "./room-list.js";

/** The box for a room's name: it filters the list, and Enter opens the room, even a new one. */
export class RoomFinder {
  readonly #form = element("room-form", HTMLFormElement);
  readonly #input = element("room-name", HTMLInputElement);
  readonly #note = element("room-note", HTMLElement);
  readonly #list: RoomList;
  /** There are more rooms than are listed. */
  #isCut = false;

  /** @param onOpen gets the name of each room to open */
  constructor(list: RoomList, onOpen: (room: string) => void, signal: AbortSignal) {
    this.#list = list;
    this.#input.addEventListener("input", () => this.#filter(), { signal });
    this.#input.addEventListener("keydown", (event) => this.#onKey(event), { signal });
    const onSubmit = (event: SubmitEvent) => {
      event.preventDefault();
      const room = this.#input.value.trim();
      if (isRoomName(room)) {
        this.clear();
        onOpen(room);
      } else if (room !== "") {
        this.#showFault(`This is not a valid name: ${roomRule}.`);
      }
    };
    this.#form.addEventListener("submit", onSubmit, { signal });
    this.clear();
  }

  /** Shows below the list that it is incomplete. */
  set isCut(isCut: boolean) {
    this.#isCut = isCut;
    this.#filter();
  }

  focus(): void {
    this.#input.focus();
  }

  /** Clears the filter. */
  clear(): void {
    this.#input.value = "";
    this.#filter();
  }

  #filter(): void {
    const text = this.#input.value.trim();
    this.#list.filter(text);
    this.#input.ariaInvalid = "false";
    this.#note.classList.remove("error");
    const isNew = text !== "" && this.#list.shownCount === 0;
    if (isNew) {
      this.#note.textContent = isRoomName(text)
        ? `Press Enter to open ${text}.`
        : "No room has this name.";
    } else {
      const most = maxRooms.toLocaleString("en");
      this.#note.textContent = this.#isCut
        ? `Only ${most} rooms are listed. Others open by their names.`
        : "";
    }
  }

  #onKey(event: KeyboardEvent): void {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      this.#list.focusFirst();
    } else if (event.key === "Escape" && this.#input.value !== "") {
      event.stopPropagation(); // It must not close the list of rooms as well.
      this.clear();
    }
  }

  #showFault(text: string): void {
    this.#input.ariaInvalid = "true";
    this.#note.classList.add("error");
    this.#note.textContent = text;
  }
}
