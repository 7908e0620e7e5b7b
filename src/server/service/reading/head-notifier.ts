import type { ConnectError } from "@connectrpc/connect";
import type { Batch, HeadListener, MessageLog, RoomRange } from "../../log/message-log.js";
import { prefixesOf, type RoomSelection } from "../../rooms/room-selection.js";

/** A reader that follows rooms of the log, and is woken when messages are added to them. */
export interface RoomListener {
  /** The rooms that it follows. */
  readonly rooms: RoomSelection;
  /** Whether it waits for new messages. */
  readonly isWaiting: boolean;
  /** The sequence up to which it has read its rooms. */
  readonly after: number;
  /** The reading user. */
  readonly user: string;
  /** By `performance.now()`: until then, posts do not wait for it. Infinity: it is behind. */
  lateUntil: number;
  /**
   * Messages were added to its rooms.
   *
   * @param after the sequence up to which its rooms had no new message
   */
  wake(after: number): void;
  /** The log is closed. */
  fail(error: unknown): void;
}

/** The listeners that follow the same rooms. */
interface Group {
  readonly rooms: RoomSelection;
  readonly listeners: Set<RoomListener>;
  /** Messages added since the last wake-up begin after this sequence; undefined: there are none. */
  newAfter: number | undefined;
}

/** The batch that was read last: listeners that are woken one after the other read the same. */
interface LastRead {
  readonly after: number;
  /** The key of the selection. */
  readonly rooms: string;
  /** The head when it was read. */
  readonly head: number;
  readonly batch: Batch;
}

/**
 * How many listeners are woken in one turn of the event loop. Node sends written data at the end of
 * a turn: so the first listeners get their event before the last ones are served, and other work
 * does not wait for all of them.
 */
const wokenAtOnce = 250;

/**
 * Wakes listeners when messages are added to their rooms, and no others. Listeners that follow the
 * same rooms are woken together.
 */
export class HeadNotifier implements HeadListener {
  /** By the key of their selection of rooms. */
  readonly #groups = new Map<string, Group>();
  /** The groups that follow a room by its name, or by a prefix. */
  readonly #byName = new Map<string, Set<Group>>();
  readonly #byPrefix = new Map<string, Set<Group>>();
  /** The number of listeners, of each user and in total. */
  readonly #byUser = new Map<string, number>();
  #size = 0;
  /** The head when it moved last, or when the first listener joined. */
  #head = 0;
  #unlisten = () => {};
  /** Groups whose listeners are to be woken. */
  readonly #due = new Set<Group>();
  /** The group whose listeners are being woken, and the listeners that are not woken yet. */
  #round:
    | { readonly group: Group; readonly after: number; readonly left: Iterator<RoomListener> }
    | undefined;
  #isScheduled = false;
  #lastRead: LastRead | undefined;
  readonly #log: MessageLog;

  constructor(log: MessageLog) {
    this.#log = log;
  }

  /** For each listener, the sequence up to which it has read its rooms. */
  *places(): Generator<number> {
    for (const group of this.#groups.values()) {
      for (const listener of group.listeners) {
        yield this.#placeIn(group, listener);
      }
    }
  }

  /** The sequence up to which a listener has read its rooms. */
  placeOf(listener: RoomListener): number {
    const group = this.#groups.get(listener.rooms.key);
    return group ? this.#placeIn(group, listener) : listener.after;
  }

  /** Whether users other than this one follow the log. */
  hasOthers(user: string): boolean {
    return this.#size > (this.#byUser.get(user) ?? 0);
  }

  /** The lowest place among listeners of other users that keep up; infinity if there is none. */
  slowest(user: string): number {
    const now = performance.now();
    let slowest = Number.POSITIVE_INFINITY;
    for (const group of this.#groups.values()) {
      for (const listener of group.listeners) {
        if (listener.user !== user && listener.lateUntil < now) {
          slowest = Math.min(slowest, this.#placeIn(group, listener));
        }
      }
    }
    return slowest;
  }

  /** Listeners of other users that are behind this place are late until they reach the head. */
  giveUp(user: string, place: number): void {
    for (const group of this.#groups.values()) {
      for (const listener of group.listeners) {
        if (listener.user !== user && this.#placeIn(group, listener) < place) {
          listener.lateUntil = Number.POSITIVE_INFINITY;
        }
      }
    }
  }

  /** Wakes this listener from now on. Call `leave` in the end. */
  join(listener: RoomListener): void {
    this.#groupOf(listener.rooms).listeners.add(listener);
    this.#byUser.set(listener.user, (this.#byUser.get(listener.user) ?? 0) + 1);
    this.#size++;
    if (this.#size === 1) {
      this.#head = this.#log.head;
      this.#unlisten = this.#log.listen(this);
    }
  }

  leave(listener: RoomListener): void {
    const group = this.#groups.get(listener.rooms.key);
    if (!group?.listeners.delete(listener)) {
      return;
    }
    if (group.listeners.size === 0) {
      this.#remove(group);
    }
    const left = this.#byUser.get(listener.user)! - 1;
    if (left > 0) {
      this.#byUser.set(listener.user, left);
    } else {
      this.#byUser.delete(listener.user);
    }
    this.#size--;
    if (this.#size === 0) {
      this.#unlisten();
    }
  }

  /** As the log's `read`; listeners at the same place of the same rooms share one. */
  read(
    after: number,
    rooms: RoomSelection,
    signal: AbortSignal | undefined,
  ): Batch | undefined | Promise<Batch | undefined> {
    const { head } = this.#log;
    const last = this.#lastRead;
    if (last?.after === after && last.head === head && last.rooms === rooms.key) {
      return last.batch;
    }
    const batch = this.#log.read(after, signal ? { rooms, signal } : { rooms });
    if (batch !== undefined && !(batch instanceof Promise)) {
      this.#lastRead = { after, rooms: rooms.key, head, batch };
    }
    return batch;
  }

  moved(ranges: readonly RoomRange[] | undefined): void {
    const before = this.#head;
    this.#head = this.#log.head;
    if (ranges === undefined) {
      for (const group of this.#groups.values()) {
        this.#setDue(group, before);
      }
    } else {
      // The first range of a room, or below a prefix, is enough for its groups.
      const done = new Set<Iterable<Group>>();
      for (const { room, first } of ranges) {
        this.#setAllDue(this.#byName.get(room), first - 1, done);
        if (this.#byPrefix.size > 0) {
          for (const prefix of prefixesOf(room)) {
            this.#setAllDue(this.#byPrefix.get(prefix), first - 1, done);
          }
        }
      }
    }
    if (this.#due.size > 0 && !this.#isScheduled) {
      this.#isScheduled = true;
      queueMicrotask(this.#wakeSome);
    }
  }

  closed(error: ConnectError): void {
    for (const group of this.#groups.values()) {
      for (const listener of group.listeners) {
        if (listener.isWaiting) {
          listener.fail(error);
        }
      }
    }
  }

  #groupOf(rooms: RoomSelection): Group {
    let group = this.#groups.get(rooms.key);
    if (group === undefined) {
      group = { rooms, listeners: new Set(), newAfter: undefined };
      this.#groups.set(rooms.key, group);
      addTo(this.#byName, rooms.names, group);
      addTo(this.#byPrefix, rooms.prefixes, group);
    }
    return group;
  }

  #remove(group: Group): void {
    this.#groups.delete(group.rooms.key);
    this.#due.delete(group);
    removeFrom(this.#byName, group.rooms.names, group);
    removeFrom(this.#byPrefix, group.rooms.prefixes, group);
  }

  /** A waiting listener has read everything before the first message that wakes it. */
  #placeIn(group: Group, listener: RoomListener): number {
    if (!listener.isWaiting) {
      return listener.after;
    }
    const due = this.#round?.group === group ? this.#round.after : group.newAfter;
    return due === undefined ? this.#log.head : Math.max(listener.after, due);
  }

  #setAllDue(groups: Iterable<Group> | undefined, after: number, done: Set<Iterable<Group>>): void {
    if (groups === undefined || done.has(groups)) {
      return;
    }
    done.add(groups);
    for (const group of groups) {
      this.#setDue(group, after);
    }
  }

  #setDue(group: Group, after: number): void {
    group.newAfter ??= after;
    this.#due.add(group);
  }

  readonly #wakeSome = () => {
    for (let woken = 0; woken < wokenAtOnce; ) {
      this.#round ??= this.#nextRound();
      if (this.#round === undefined) {
        this.#isScheduled = false;
        return;
      }
      const { value: listener } = this.#round.left.next();
      if (listener === undefined) {
        this.#round = undefined;
      } else if (listener.isWaiting) {
        listener.wake(this.#round.after);
        woken++;
      }
    }
    setImmediate(this.#wakeSome);
  };

  #nextRound() {
    for (const group of this.#due) {
      this.#due.delete(group);
      const after = group.newAfter!;
      group.newAfter = undefined;
      return { group, after, left: group.listeners.values() };
    }
    return undefined;
  }
}

function addTo(index: Map<string, Set<Group>>, keys: Iterable<string>, group: Group): void {
  for (const key of keys) {
    const groups = index.get(key);
    if (groups === undefined) {
      index.set(key, new Set([group]));
    } else {
      groups.add(group);
    }
  }
}

function removeFrom(index: Map<string, Set<Group>>, keys: Iterable<string>, group: Group): void {
  for (const key of keys) {
    const groups = index.get(key);
    if (groups?.delete(group) && groups.size === 0) {
      index.delete(key);
    }
  }
}
