/**
 * Hands on what it is given, in order, a bounded number in each turn of the event loop: what
 * comes in hundreds at once does not keep everybody else waiting until the last is done.
 */
export class TurnQueue<T> {
  readonly #waiting = new Set<T>();
  readonly #perTurn: number;
  readonly #hand: (item: T) => void;
  #turn: NodeJS.Immediate | undefined;

  /**
   * @param perTurn how many are handed on in one turn
   * @param hand takes one; it must not throw
   */
  constructor(perTurn: number, hand: (item: T) => void) {
    this.#perTurn = perTurn;
    this.#hand = hand;
  }

  /** To be handed on at the end of this turn, or of one that follows. One that waits keeps its place. */
  add(item: T): void {
    this.#waiting.add(item);
    this.#turn ??= setImmediate(this.#onTurn);
  }

  /** Not to be handed on any more. */
  delete(item: T): void {
    this.#waiting.delete(item);
  }

  /** Hands on all that wait, now. */
  flush(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#handOn(this.#waiting.size);
  }

  readonly #onTurn = () => {
    this.#turn = this.#waiting.size > this.#perTurn ? setImmediate(this.#onTurn) : undefined;
    this.#handOn(this.#perTurn);
  };

  #handOn(count: number): void {
    let left = count;
    for (const item of this.#waiting) {
      if (left-- === 0) {
        return;
      }
      this.#waiting.delete(item);
      this.#hand(item);
    }
  }
}
