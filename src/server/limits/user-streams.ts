import { networkOf } from "../net/network.js";
import { addressStreams, userStreams } from "./errors.js";
import type { Limits } from "./limits.js";
import { withRetry } from "./over-limit.js";

/** Streams without a user (health, reflection) that one address may have open. */
const maxAnonymousStreams = 1000;

/** Counts the open streams of each user, and those without a user of each address. */
export class UserStreams {
  readonly #open = new Map<string, number>();
  readonly #limits: Pick<Limits, "maxUserStreams" | "onRefused">;

  constructor(limits: Pick<Limits, "maxUserStreams" | "onRefused">) {
    this.#limits = limits;
  }

  /**
   * Counts a stream; call `leave` with what it returns, once, when the stream has ended.
   * Throws `resource_exhausted` if there are too many.
   *
   * @param user undefined: none, the address counts
   */
  enter(user: string | undefined, address: string): string {
    const { maxUserStreams } = this.#limits;
    // No user name has a control character.
    const key = user ?? `\0${networkOf(address)}`;
    const most = user === undefined ? maxAnonymousStreams : maxUserStreams;
    const open = this.#open.get(key) ?? 0;
    if (most > 0 && open >= most) {
      this.#limits.onRefused("user_streams");
      throw withRetry((user === undefined ? addressStreams : userStreams)({ most }));
    }
    this.#open.set(key, open + 1);
    return key;
  }

  leave(key: string): void {
    const open = this.#open.get(key)! - 1;
    if (open > 0) {
      this.#open.set(key, open);
    } else {
      this.#open.delete(key);
    }
  }
}
