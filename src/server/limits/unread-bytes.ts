import type { ConnectError } from "@connectrpc/connect";
import { networkOf } from "../net/network.js";
import { unreadBytes } from "./errors.js";
import type { Limits } from "./limits.js";
import { withRetry } from "./over-limit.js";

/** How much of one call may lie unread before its sender is made to wait, in bytes. */
export const readAheadBytes = 256 * 1024;

/** The same while memory is short. */
const shortReadAheadBytes = 16 * 1024;

/** What is held in a chunk of its own costs this many bytes besides its own. */
export const chunkCost = 128;

/** The share of one user, of all that comes without a valid token, and of one address in that. */
const shares = { user: 3 / 4, anonymous: 1 / 4, address: 1 / 8 };

/**
 * Of a user, or an address, that holds less than this share nothing is refused because of what
 * others hold: two addresses that send all they may would else keep everybody from logging in.
 */
const smallShares = { user: 1 / 64, address: 1 / 1024 };

/**
 * From this part of a share on, memory is short. Early: what has been allowed to be sent still
 * comes, a window of HTTP/2 for each stream.
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
 * The budget of what was received and is not used yet, on whatever wire: bodies, messages half
 * put together, frames half sent, posts that wait for the log, requests sent ahead. A user has
 * three quarters of it; what comes without a valid token has the fourth, and one address an
 * eighth. What a call adds beyond any of these ends that call, and no other.
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

  /** For a call, or a connection, from this address. Its {@link Unread.end} is to be called. */
  open(address: string): Unread {
    return new BudgetedUnread(this, address);
  }

  /** @internal */
  enter(user: string | undefined, address: string): Owner {
    // No user's name has a control character.
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

  /** @internal How much of the narrowest share is in use; over 1 is too much. */
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

  /** @internal The bytes of a call that ends are on their way out: no share is charged for them. */
  refuse(owner: Owner, isUser: boolean, held: number): ConnectError {
    this.count(owner, isUser, -held);
    this.countLeaving(held);
    this.#limits.onRefused("unread_bytes");
    return withRetry(unreadBytes());
  }
}

/** What one call has received and not used yet. */
export interface Unread {
  /** How much may lie unread before the sender is made to wait: less while memory is short. */
  readonly readAhead: number;
  /**
   * Counts bytes that came and have to wait. Returns the error that the call is to end with if
   * they are too many: what it holds is then to be let go. There is no way back from that.
   */
  add(bytes: number): ConnectError | undefined;
  /** This many of them are used, or let go. */
  remove(bytes: number): void;
  /** The call has a valid token: it is charged to this user. */
  belongTo(user: string): void;
  /** The call is over: nothing of it counts any more, now or later. */
  end(): void;
}

class BudgetedUnread implements Unread {
  readonly #budget: UnreadBytes;
  readonly #address: string;
  #user: string | undefined;
  /** Looked up when the first bytes come: of most calls all bytes are used as they come. */
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

/** Of calls that nobody counts. */
export const uncounted: Unread = {
  readAhead: readAheadBytes,
  add: () => undefined,
  remove() {},
  belongTo() {},
  end() {},
};
