import type { MessageLog, NewMessage } from "../../log/message-log.js";
import type { HeadNotifier } from "../reading/head-notifier.js";

/** How many messages of one user may be in progress whatever the positions of readers. */
const freeMessages = 64;
/** How far the log may be ahead of a live reader of another user, in messages and characters. */
const aheadMessages = 512;
const aheadLength = 128 * 1024;
/** How often the positions of readers are checked, in milliseconds. */
const lookMs = 4;
/**
 * How long a reader may take to advance by the allowed lead, in milliseconds. After that, posts
 * stop waiting for it: a slow client slows nobody down for long.
 */
const giveUpMs = 250;

/**
 * Keeps a user who posts as fast as possible from leaving live readers behind: while readers keep
 * up, the log is only a little ahead of them. Posts do not wait again for a reader that makes no
 * progress until it has been at the head for a while.
 */
export class PostPace {
  readonly #log: MessageLog;
  readonly #followers: HeadNotifier;
  /** Messages of each user that are being stored. */
  readonly #onTheirWay = new Map<string, number>();
  /** The average length of recent texts, in characters. */
  #averageLength = 0;
  /** The position of the slowest reader of another user, and when it was checked last. */
  readonly #looked = { sender: "", slowest: 0, at: Number.NEGATIVE_INFINITY };

  /** @param followers the live readers of the log */
  constructor(log: MessageLog, followers: HeadNotifier) {
    this.#log = log;
    this.#followers = followers;
  }

  /** Returns how many of these messages may go to the log now; call `leave` for them in the end. */
  enter(sender: string, messages: readonly NewMessage[], from: number): number {
    const before = this.#onTheirWay.get(sender) ?? 0;
    let taken = messages.length - from;
    if (before + taken > freeMessages && this.#followers.hasOthers(sender)) {
      taken = Math.min(taken, Math.ceil(this.#ahead / 4));
    }
    this.#onTheirWay.set(sender, before + taken);
    // One message is a sample of its neighbours.
    this.#averageLength += (messages[from]!.text.length - this.#averageLength) / 16;
    return taken;
  }

  leave(sender: string, count: number): void {
    const left = this.#onTheirWay.get(sender)! - count;
    if (left > 0) {
      this.#onTheirWay.set(sender, left);
    } else {
      this.#onTheirWay.delete(sender);
    }
  }

  /**
   * Waits for readers if this sender would have too many messages in progress.
   *
   * @param count how many messages it would post now
   */
  untilRead(sender: string, count: number): Promise<void> | undefined {
    const isFlood = (this.#onTheirWay.get(sender) ?? 0) + count > freeMessages;
    return isFlood && this.#followers.hasOthers(sender) && !this.#isRead(sender)
      ? this.#wait(sender)
      : undefined;
  }

  async #wait(sender: string): Promise<void> {
    let due = this.#slowest(sender) + this.#ahead;
    let end = performance.now() + giveUpMs;
    while (!this.#isRead(sender)) {
      if (this.#slowest(sender) >= due) {
        due = this.#slowest(sender) + this.#ahead;
        end = performance.now() + giveUpMs;
      } else if (performance.now() > end) {
        this.#followers.giveUp(sender, Math.min(due, this.#log.head - this.#ahead));
        this.#looked.at = Number.NEGATIVE_INFINITY;
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  }

  get #ahead(): number {
    return Math.max(8, Math.min(aheadMessages, aheadLength / (this.#averageLength + 1)));
  }

  #isRead(sender: string): boolean {
    const onTheirWay = this.#onTheirWay.get(sender) ?? 0;
    return this.#slowest(sender) + this.#ahead >= this.#log.head + onTheirWay;
  }

  /** Checks no more often than necessary, because each check visits all readers. */
  #slowest(sender: string): number {
    const now = performance.now();
    if (this.#looked.sender !== sender || now - this.#looked.at >= lookMs) {
      Object.assign(this.#looked, { sender, slowest: this.#followers.slowest(sender), at: now });
    }
    return this.#looked.slowest;
  }
}
