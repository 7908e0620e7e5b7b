/**
 * Delivers items in order, a limited number in each turn of the event loop: when hundreds come at
 * once, nobody else has to wait until the last one is done.
 */
export class TurnQueue<T> {
  readonly #waiting = new Set<T>();
  readonly #perTurn: number;
  readonly #take: (item: T) => void;
  #turn: NodeJS.Immediate | undefined;

  /**
   * @param perTurn how many are delivered in one turn
   * @param take gets one; it must not throw
   */
  constructor(perTurn: number, take: (item: T) => void) {
    this.#perTurn = perTurn;
    this.#take = take;
  }

  /**
   * Adds an item, to be delivered at the end of this turn or of a later one. An item that already
   * waits keeps its place.
   */
  add(item: T): void {
    this.#waiting.add(item);
    this.#turn ??= setImmediate(this.#onTurn);
  }

  /** Removes an item. */
  delete(item: T): void {
    this.#waiting.delete(item);
  }

  /** Delivers all waiting items now. */
  flush(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#deliver(this.#waiting.size);
  }

  readonly #onTurn = () => {
    this.#turn = this.#waiting.size > this.#perTurn ? setImmediate(this.#onTurn) : undefined;
    this.#deliver(this.#perTurn);
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
  }
}
