import { FairTurns } from "../../util/fair-turns.js";

/** A call, a request or an upgrade that is to begin. */
export interface Beginning {
  /** The socket, or the HTTP/2 session, that it came by. */
  readonly connection: object;
  /**
   * Begins it. Returns false if it has already ended: then another one gets its place in this turn.
   */
  begin(): boolean;
}

/**
 * Begins calls, a limited number in each turn of the event loop, in turn by address, and by
 * connection within an address. A thousand connections of one address delay no other address, and a
 * busy connection delays no other connection of its address.
 */
export class StartTurns<T extends Beginning> {
  /** The addresses with waiting calls. */
  readonly #lanes = new Map<string, Lane<T>>();
  readonly #turns: FairTurns<Lane<T>>;

  /**
   * @param perTurn how many begin in one turn
   * @param turnMs more begin until the turn has taken this many milliseconds of CPU time. Default:
   * 0, no more
   */
  constructor(perTurn: number, turnMs = 0) {
    this.#turns = new FairTurns<Lane<T>>(perTurn, (lane) => this.#next(lane), turnMs);
  }

  /**
   * Begins it at once if this turn has a free place and nothing waits; else in its turn. Returns
   * whether it has begun.
   */
  offer(start: T, address: string): boolean {
    const waiting = this.#lanes.get(address);
    if (waiting) {
      waiting.add(start);
      return false;
    }
    if (this.#turns.enter()) {
      start.begin();
      return true;
    }
    const lane = new Lane<T>(address);
    lane.add(start);
    this.#lanes.set(address, lane);
    this.#turns.add(lane, lane);
    return false;
  }

  #next(lane: Lane<T>): boolean {
    const start = lane.take();
    if (lane.isEmpty) {
      this.#lanes.delete(lane.address);
    } else {
      this.#turns.add(lane, lane);
    }
    return start.begin();
  }
}

/** The waiting calls of one address; never empty between turns. */
class Lane<T extends Beginning> {
  readonly address: string;
  /** By connection; the next connection is first. */
  readonly #waiting = new Map<object, T[]>();

  constructor(address: string) {
    this.address = address;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  add(start: T): void {
    const own = this.#waiting.get(start.connection);
    if (own) {
      own.push(start);
    } else {
      this.#waiting.set(start.connection, [start]);
    }
  }

  take(): T {
    const [[connection, own]] = this.#waiting as Iterable<[object, T[]]> as [[object, T[]]];
    const start = own.shift()!;
    this.#waiting.delete(connection);
    if (own.length > 0) {
      this.#waiting.set(connection, own); // At the end: the others come first.
    }
    return start;
  }
}
