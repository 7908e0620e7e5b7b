/**
 * Moves the focus among elements by the arrow keys, Home and End. Tab reaches one of them: the one
 * that had the focus last, or the one passed to `stopAt`.
 */
export class ArrowKeys {
  readonly #place: HTMLElement;
  readonly #selector: string;
  #stop: HTMLElement | undefined;

  /**
   * @param selector selects the elements in their container; hidden ones are skipped
   * @param onBeforeFirst is called when the user moves up from the first element
   */
  constructor(
    place: HTMLElement,
    selector: string,
    signal: AbortSignal,
    onBeforeFirst: () => void = () => {},
  ) {
    this.#place = place;
    this.#selector = selector;
    const moves: Record<string, (at: number, items: readonly HTMLElement[]) => number> = {
      ArrowUp: (at) => at - 1,
      ArrowDown: (at, items) => Math.min(at + 1, items.length - 1),
      Home: () => 0,
      End: (_, items) => items.length - 1,
    };
    const onKey = (event: KeyboardEvent) => {
      const move = moves[event.key];
      const items = this.#items();
      const at = items.indexOf(event.target as HTMLElement);
      if (move === undefined || at < 0 || event.altKey || event.ctrlKey || event.metaKey) {
        return;
      }
      event.preventDefault();
      const next = items[move(at, items)];
      if (next === undefined) {
        onBeforeFirst();
      } else {
        next.focus();
      }
    };
    const onFocus = ({ target }: FocusEvent) => {
      if (target instanceof HTMLElement && target.matches(selector)) {
        this.stopAt(target);
      }
    };
    place.addEventListener("keydown", onKey, { signal });
    place.addEventListener("focusin", onFocus, { signal });
  }

  /** The element that Tab reaches now, if it is still there. */
  get stop(): HTMLElement | undefined {
    return this.#stop?.isConnected ? this.#stop : undefined;
  }

  stopAt(item: HTMLElement): void {
    if (this.#stop) {
      this.#stop.tabIndex = -1;
    }
    this.#stop = item;
    item.tabIndex = 0;
  }

  /** Focuses the first element. */
  focusFirst(): void {
    this.#items()[0]?.focus();
  }

  #items(): HTMLElement[] {
    const all = this.#place.querySelectorAll<HTMLElement>(this.#selector);
    return [...all].filter((item) => item.getClientRects().length > 0);
  }
}
