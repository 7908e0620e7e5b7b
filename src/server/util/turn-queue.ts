/**
 * Delivers items in order, a limited number in each turn of the event loop: when hundreds come at
 * once, nobody else has to wait until the last one is done.
 */
export class TurnQueue<T> {
  #waiting = new Set<T>();
  readonly #perTurn: number;
  readonly #take: (item: T) => void;
  readonly #isPrompt: boolean;
  /** How many were delivered at once since the last turn ended. */
  #delivered = 0;
  #turn: NodeJS.Immediate | undefined;

  /**
   * @param perTurn how many are delivered in one turn
   * @param take gets one; it must not throw
   * @param isPrompt an item is delivered at once while the turn has room, and none waits. Default:
   * none is delivered before the end of the turn
   */
  constructor(perTurn: number, take: (item: T) => void, isPrompt = false) {
    this.#perTurn = perTurn;
    this.#take = take;
    this.#isPrompt = isPrompt;
  }

  /**
   * Adds an item, to be delivered in this turn or in a later one. An item that already waits keeps
   * its place.
   */
  add(item: T): void {
    this.#turn ??= setImmediate(this.#onTurn);
    if (this.#isPrompt && this.#waiting.size === 0 && this.#delivered < this.#perTurn) {
      this.#delivered++;
      this.#take(item);
    } else {
      this.#waiting.add(item);
    }
  }

  /** Removes an item. */
  delete(item: T): void {
    this.#waiting.delete(item);
  }

  /** Delivers all waiting items now. */
  flush(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#delivered = 0;
    this.#deliver(this.#waiting.size);
  }

  readonly #onTurn = () => {
    const count = this.#perTurn - this.#delivered;
    this.#delivered = 0;
    this.#turn = this.#waiting.size > count ? setImmediate(this.#onTurn) : undefined;
    this.#deliver(count);
  };

  #deliver(count: number): void {
    let left = count;
    for (const item of this.#waiting) {
      if (left-- === 0) {
        return;
      }
      this.#waiting.delete(item);
      this.#take(item);
    }
    if (this.#waiting.size === 0) {
      // As it grows and shrinks, a set replaces its table, and the table before points to the new
      // one. Once one has come to the old generation, it would keep all that follow, with their
      // items, until the next major garbage collection.
      this.#waiting = new Set();
    }
  }
}
