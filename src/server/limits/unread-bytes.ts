import type { ConnectError } from "@connectrpc/connect";
import { networkOf } from "../net/network.js";
import { unreadBytes } from "./errors.js";
import type { Limits } from "./limits.js";
import { withRetry } from "./over-limit.js";

/** How much of one call may be unread before its sender has to wait, in bytes. */
export const readAheadBytes = 256 * 1024;

/** The same while memory is short. */
const shortReadAheadBytes = 16 * 1024;

/** Data in a chunk of its own costs this many bytes besides its own. */
export const chunkCost = 128;

/**
 * The share of one user, of everything that comes without a valid token, and of one address in
 * that.
 */
const shares = { user: 3 / 4, anonymous: 1 / 4, address: 1 / 8 };

/**
 * A user, or an address, that holds less than this share is refused nothing because of what others
 * hold: otherwise two addresses that send all they may would keep everybody from logging in.
 */
const smallShares = { user: 1 / 64, address: 1 / 1024 };

/**
 * From this part of a share on, memory is short. Early, because what senders have already been
 * allowed to send still arrives, up to one HTTP/2 window for each stream.
 */
const shortFrom = 1 / 8;

/** Who is charged for bytes: a user, or an address without a valid token. */
interface Owner {
  readonly key: string;
  bytes: number;
  /** Calls that are charged to it. */
  calls: number;
}

/**
 * The budget of received bytes that are not processed yet, on whatever wire: bodies, incomplete
 * messages, partly sent frames, posts that wait for the log, requests sent ahead. A user has three
 * quarters of it; what comes without a valid token has the fourth, and one address an eighth. A
 * call that adds bytes beyond any of these is ended, and no other.
 */
export class UnreadBytes {
  readonly #limits: Pick<Limits, "maxUnreadBytes" | "onRefused">;
  readonly #owners = new Map<string, Owner>();
  #total = 0;
  #anonymous = 0;

  constructor(limits: Pick<Limits, "maxUnreadBytes" | "onRefused">) {
    this.#limits = limits;
  }

  /** How many bytes are unread now. */
  get total(): number {
    return this.#total;
  }

  /** How many users and addresses are charged now. */
  get owners(): number {
    return this.#owners.size;
  }

  /**
   * For a call, or a connection, from this address. Call its {@link Unread.end} when it is over.
   */
  open(address: string): Unread {
    return new BudgetedUnread(this, address);
  }

  /** @internal */
  enter(user: string | undefined, address: string): Owner {
    // No user name has a control character.
    const key = user ?? `\0${networkOf(address)}`;
    let owner = this.#owners.get(key);
    if (!owner) {
      owner = { key, bytes: 0, calls: 0 };
      this.#owners.set(key, owner);
    }
    owner.calls++;
    return owner;
  }

  /** @internal */
  leave(owner: Owner): void {
    owner.calls--;
    if (owner.calls === 0) {
      this.#owners.delete(owner.key);
    }
  }

  /** @internal Counts bytes, fewer if negative. */
  count(owner: Owner, isUser: boolean, bytes: number): void {
    this.#total += bytes;
    owner.bytes += bytes;
    if (!isUser) {
      this.#anonymous += bytes;
    }
  }

  /** @internal As {@link count}, of a call that was refused. */
  countLeaving(bytes: number): void {
    this.#total += bytes;
  }

  /** @internal How much of the tightest share is in use; over 1 is too much. */
  use(owner: Owner, isUser: boolean): number {
    const { maxUnreadBytes } = this.#limits;
    const kind = isUser ? "user" : "address";
    const own = owner.bytes / shares[kind];
    if (owner.bytes < maxUnreadBytes * smallShares[kind]) {
      return own / maxUnreadBytes;
    }
    const others = isUser ? 0 : this.#anonymous / shares.anonymous;
    return Math.max(own, others, this.#total) / maxUnreadBytes;
  }

  /** @internal The bytes of an ending call will soon be gone: no share is charged for them. */
  refuse(owner: Owner, isUser: boolean, held: number): ConnectError {
    this.count(owner, isUser, -held);
    this.countLeaving(held);
    this.#limits.onRefused("unread_bytes");
    return withRetry(unreadBytes());
  }
}

/** What one call has received and not processed yet. */
export interface Unread {
  /** How much may be unread before the sender has to wait: less while memory is short. */
  readonly readAhead: number;
  /**
   * Counts bytes that arrived and have to wait. If they are too many, returns the error that ends
   * the call: what it holds must be released then. This is final.
   */
  add(bytes: number): ConnectError | undefined;
  /** This many of them are processed, or released. */
  remove(bytes: number): void;
  /** The call has a valid token: it is charged to this user. */
  belongTo(user: string): void;
  /** The call is over: none of it counts any more, now or later. */
  end(): void;
}

class BudgetedUnread implements Unread {
  readonly #budget: UnreadBytes;
  readonly #address: string;
  #user: string | undefined;
  /** Looked up when the first bytes arrive: most calls process all bytes as they arrive. */
  #owner: Owner | undefined;
  #held = 0;
  #isOver = false;
  #refusal: ConnectError | undefined;

  constructor(budget: UnreadBytes, address: string) {
    this.#budget = budget;
    this.#address = address;
  }

  get readAhead(): number {
    const isShort = this.#owner && this.#budget.use(this.#owner, this.#isUser) > shortFrom;
    return isShort ? shortReadAheadBytes : readAheadBytes;
  }

  add(bytes: number): ConnectError | undefined {
    if (this.#isOver) {
      return undefined;
    }
    this.#owner ??= this.#budget.enter(this.#user, this.#address);
    this.#held += bytes;
    this.#count(this.#owner, bytes);
    if (!this.#refusal && this.#budget.use(this.#owner, this.#isUser) > 1) {
      this.#refusal = this.#budget.refuse(this.#owner, this.#isUser, this.#held);
    }
    return this.#refusal;
  }

  remove(bytes: number): void {
    if (this.#owner && bytes > 0) {
      this.#held -= bytes;
      this.#count(this.#owner, -bytes);
    }
  }

  belongTo(user: string): void {
    if (this.#isOver || this.#refusal || user === this.#user) {
      return;
    }
    const held = this.#held;
    this.#leave();
    this.#user = user;
    if (held > 0) {
      this.#held = held;
      this.#owner = this.#budget.enter(user, this.#address);
      this.#budget.count(this.#owner, true, held);
    }
  }

  end(): void {
    this.#isOver = true;
    this.#leave();
  }

  get #isUser(): boolean {
    return this.#user !== undefined;
  }

  #count(owner: Owner, bytes: number): void {
    if (this.#refusal) {
      this.#budget.countLeaving(bytes);
    } else {
      this.#budget.count(owner, this.#isUser, bytes);
    }
  }

  #leave(): void {
    if (this.#owner) {
      this.#count(this.#owner, -this.#held);
      this.#budget.leave(this.#owner);
      this.#owner = undefined;
      this.#held = 0;
    }
  }
}

/** For calls that nobody counts. */
export const uncounted: Unread = {
  readAhead: readAheadBytes,
  add: () => undefined,
  remove() {},
  belongTo() {},
  end() {},
};
