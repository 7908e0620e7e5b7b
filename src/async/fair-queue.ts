/** An item and the next one in its lane. */
interface Place<T> {
  readonly item: T;
  next: Place<T> | undefined;
}

/** The items that wait under one key, first in, first out. */
interface Lane<T> {
  readonly key: string;
  first: Place<T> | undefined;
  last: Place<T> | undefined;
  /** The lane whose turn is next. */
  next: Lane<T> | undefined;
}

/**
 * A queue in which the keys take turns: however many items wait under one of them, the others'
 * turns come as soon as before. Under each key it is first in, first out.
 */
export class FairQueue<T> {
  readonly #lanes = new Map<string, Lane<T>>();
  /** The lane whose turn it is, and the one whose turn is last. */
  #turn: Lane<T> | undefined;
  #last: Lane<T> | undefined;
  #size = 0;

  /** How many items wait. */
  get size(): number {
    return this.#size;
  }

  /** How many keys have waiting items. */
  get keys(): number {
    return this.#lanes.size;
  }

  /** The item that `shift` would remove; undefined if there is none. */
  get first(): T | undefined {
    return this.#turn?.first?.item;
  }

  push(key: string, item: T): void {
    const place: Place<T> = { item, next: undefined };
    this.#size++;
    const lane = this.#lanes.get(key);
    if (lane !== undefined) {
      lane.last!.next = place;
      lane.last = place;
      return;
    }
    const added: Lane<T> = { key, first: place, last: place, next: undefined };
    this.#lanes.set(key, added);
    this.#append(added);
  }

  /** Removes the first item of the key whose turn it is. The turn lasts while the key has more. */
  shift(): T | undefined {
    const lane = this.#turn;
    const place = lane?.first;
    if (lane === undefined || place === undefined) {
      return undefined;
    }
    this.#size--;
    lane.first = place.next;
    // If the garbage collector has moved a place to the old generation, all that is linked to it
    // would stay until the next major collection.
    place.next = undefined;
    if (lane.first === undefined) {
      this.#lanes.delete(lane.key);
      this.#removeTurn(lane);
    }
    return place.item;
  }

  /** Ends the turn of the present key: that of the next one begins. */
  rotate(): void {
    const lane = this.#turn;
    if (lane !== undefined && lane !== this.#last) {
      this.#removeTurn(lane);
      this.#append(lane);
    }
  }

  /** Removes one item and ends the turn of its key. */
  take(): T | undefined {
    const { keys } = this;
    const item = this.shift();
    if (keys === this.keys) {
      this.rotate(); // Otherwise the turn ended with the last item of its key.
    }
    return item;
  }

  /** Removes all waiting items, in turn. */
  *drain(): Generator<T> {
    while (this.#size > 0) {
      yield this.take()!;
    }
  }

  #append(lane: Lane<T>): void {
    lane.next = undefined;
    if (this.#last === undefined) {
      this.#turn = lane;
    } else {
      this.#last.next = lane;
    }
    this.#last = lane;
  }

  #removeTurn(lane: Lane<T>): void {
    this.#turn = lane.next;
    lane.next = undefined;
    if (this.#turn === undefined) {
      this.#last = undefined;
    }
  }
}
