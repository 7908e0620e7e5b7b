/**
 * Passes items on, a limited number in each turn of the event loop, one of each owner after the
 * other: an owner with hundreds of items does not delay an owner with one. A turn may have a limit
 * of CPU time besides: then many cheap items pass together, but few expensive ones.
 */
export class FairTurns<T> {
  /**
   * The item that waits if there is only one, as usual: maps that are filled and emptied cost more.
   */
  #only: { readonly item: T; readonly owner: unknown; readonly since: number } | undefined;
  /**
   * The waiting items of each owner, in order, with the time when they came. The next owner is
   * first.
   */
  readonly #waiting = new Map<unknown, Map<T, number>>();
  readonly #ownerOf = new Map<T, unknown>();
  /** Callbacks that wait for all that came before them. */
  readonly #marks: { readonly after: number; readonly callback: () => void }[] = [];
  readonly #perTurn: number;
  readonly #hand: (item: T) => unknown;
  readonly #turnMs: number;
  #count = 0;
  /** In this turn. */
  #handed = 0;
  /** Whether anything ever began at once: then the end of each turn must be known. */
  #isEntered = false;
  #turn: NodeJS.Immediate | undefined;

  /**
   * @param perTurn how many items pass in one turn
   * @param hand gets an item; it must not throw. It returns false if there was nothing to do: then
   * another item gets its place
   * @param turnMs more items pass, as many at a time, until the turn has used this many
   *   milliseconds of CPU time, including the promises of items. Default: 0, no more
   */
  constructor(perTurn: number, hand: (item: T) => unknown, turnMs = 0) {
    this.#perTurn = perTurn;
    this.#hand = hand;
    this.#turnMs = turnMs;
  }

  /**
   * Takes a place in this turn, if there is a free one and no item waits, for work that then begins
   * at once. Returns whether there was one.
   */
  enter(): boolean {
    this.#isEntered = true;
    if (this.#handed >= this.#perTurn || this.#isWaiting) {
      return false;
    }
    this.#handed++;
    this.#turn ??= setImmediate(this.#onTurn);
    return true;
  }

  /**
   * Adds an item, to be passed on at the end of this turn or a later one. An item that already
   * waits keeps its place.
   */
  add(item: T, owner: unknown): void {
    if (this.#only?.item === item || this.#ownerOf.has(item)) {
      return;
    }
    const since = this.#count++;
    if (!this.#isWaiting) {
      this.#only = { item, owner, since };
    } else {
      if (this.#only) {
        this.#enter(this.#only.item, this.#only.owner, this.#only.since);
        this.#only = undefined;
      }
      this.#enter(item, owner, since);
    }
    this.#turn ??= setImmediate(this.#onTurn);
  }

  /** Removes an item. */
  delete(item: T): void {
    if (this.#only?.item === item) {
      this.#only = undefined;
      return;
    }
    if (!this.#ownerOf.has(item)) {
      return;
    }
    const owner = this.#ownerOf.get(item);
    this.#ownerOf.delete(item);
    const own = this.#waiting.get(owner)!;
    own.delete(item);
    if (own.size === 0) {
      this.#waiting.delete(owner);
    }
  }

  /** Calls back at the end of a turn, when all items that wait now have been passed on. */
  afterAll(callback: () => void): void {
    this.#marks.push({ after: this.#count, callback });
    this.#turn ??= setImmediate(this.#onTurn);
  }

  get #isWaiting(): boolean {
    return this.#only !== undefined || this.#waiting.size > 0;
  }

  #enter(item: T, owner: unknown, since: number): void {
    this.#ownerOf.set(item, owner);
    const own = this.#waiting.get(owner);
    if (own) {
      own.set(item, since);
    } else {
      this.#waiting.set(owner, new Map([[item, since]]));
    }
  }

  /** Removes the next item. Call it only while items wait. */
  #take(): T {
    if (this.#only) {
      const { item } = this.#only;
      this.#only = undefined;
      return item;
    }
    const [[owner, own]] = this.#waiting as Iterable<[unknown, Map<T, number>]> as [
      [unknown, Map<T, number>],
    ];
    const [item] = own.keys() as Iterable<T> as [T];
    this.#waiting.delete(owner);
    own.delete(item);
    this.#ownerOf.delete(item);
    if (own.size > 0) {
      this.#waiting.set(owner, own); // At the end: the others come first.
    }
    return item;
  }

  readonly #onTurn = () => {
    this.#turn = undefined;
    if (this.#turnMs === 0) {
      this.#handSome();
      this.#endTurn();
    } else {
      this.#handUntil(new CpuTime());
    }
  };

  #handSome(): void {
    this.#handed = 0;
    while (this.#handed < this.#perTurn && this.#isWaiting) {
      if (this.#hand(this.#take()) !== false) {
        this.#handed++;
      }
    }
  }

  /** Still within the turn: promises and ticks come before any event of the process. */
  #handUntil(turn: CpuTime): void {
    this.#handSome();
    if (!this.#isWaiting) {
      this.#endTurn();
      return;
    }
    // A tick that a promise requests comes when all promises have run.
    queueMicrotask(() =>
      process.nextTick(() => {
        if (this.#isWaiting && turn.isBelow(this.#turnMs)) {
          this.#handUntil(turn);
        } else {
          this.#endTurn();
        }
      }),
    );
  }

  #endTurn(): void {
    this.#callBack();
    const isToReset = this.#isEntered && this.#handed > 0;
    if (isToReset || this.#isWaiting || this.#marks.length > 0) {
      this.#turn ??= setImmediate(this.#onTurn);
    }
  }

  #callBack(): void {
    if (this.#marks.length === 0) {
      return;
    }
    let oldest = this.#only?.since ?? this.#count;
    for (const own of this.#waiting.values()) {
      const [since] = own.values();
      oldest = Math.min(oldest, since!);
    }
    const due = this.#marks.findIndex(({ after }) => after > oldest);
    for (const { callback } of this.#marks.splice(0, due === -1 ? this.#marks.length : due)) {
      callback();
    }
  }
}

/**
 * The CPU time that the process uses from now on: it stands still while other processes run. A
 * system call costs as much as a cheap call, so it is made only when the clock allows for a
 * different result.
 */
class CpuTime {
  readonly #start = cpuMs();
  #askedAt = performance.now();
  #usedMs = 0;

  isBelow(ms: number): boolean {
    const now = performance.now();
    if (now - this.#askedAt >= ms - this.#usedMs) {
      this.#usedMs = cpuMs() - this.#start;
      this.#askedAt = now;
    }
    return this.#usedMs < ms;
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
