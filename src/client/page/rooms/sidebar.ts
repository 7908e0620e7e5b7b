import { onAbort } from "../../../async/abort.js";
import { element } from "../element.js";
import { countText } from "./room-names.js";

/** As in the page's styles: below this width, the rooms cover the conversation. */
const narrow = matchMedia("not all and (min-width: 48rem)");

/** The rooms beside the conversation. If there is no space, a button shows them over it. */
export class Sidebar {
  readonly #place = element("sidebar", HTMLElement);
  readonly #conversation = element("conversation", HTMLElement);
  readonly #button = element("show-rooms", HTMLButtonElement);
  readonly #count = element("unread-elsewhere", HTMLElement);

  /** @param onShow is called after the button has shown the rooms, to focus one of them */
  constructor(onShow: () => void, signal: AbortSignal) {
    const onClick = () => {
      this.#setShown(true);
      onShow();
    };
    const onKey = ({ key }: KeyboardEvent) => {
      if (key === "Escape" && this.#isOver) {
        this.hide();
        this.#button.focus();
      }
    };
    // The user clicked outside, or on a room, which may be the open one.
    const onAnyClick = ({ target }: Event) => {
      const isInside = target instanceof Element && target.closest("#sidebar, #show-rooms");
      if (!isInside || target.closest("a")) {
        this.hide();
      }
    };
    this.#button.addEventListener("click", onClick, { signal });
    document.addEventListener("keydown", onKey, { signal });
    document.addEventListener("click", onAnyClick, { signal });
    narrow.addEventListener("change", () => this.hide(), { signal });
    onAbort(signal, () => this.hide());
    this.hide();
  }

  get #isOver(): boolean {
    return this.#place.classList.contains("over");
  }

  /** Whether there is space only for the rooms or for the conversation. */
  get isNarrow(): boolean {
    return narrow.matches;
  }

  hide(): void {
    this.#setShown(false);
  }

  /** Shows the number of unread messages while the rooms are hidden. */
  showUnread(count: number): void {
    this.#count.textContent = count > 0 ? countText(count) : "";
    this.#button.ariaLabel = count > 0 ? `Rooms, ${count} unread` : "Rooms";
  }

  #setShown(isShown: boolean): void {
    this.#place.classList.toggle("over", isShown);
    this.#conversation.inert = isShown;
    this.#button.ariaExpanded = String(isShown);
  }
}
