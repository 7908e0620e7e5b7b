import type { ConnectError } from "@connectrpc/connect";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { userMessageRate } from "./errors.js";
import type { Limits } from "./limits.js";
import { withRetry } from "./over-limit.js";

/** How many of some messages a user may post now, and why no more. */
export interface Allowance {
  readonly count: number;
  /** `resource_exhausted` if it is not all of them. */
  readonly error: ConnectError | undefined;
}

/** Limits the messages that each user posts in a second, over all streams. */
export class MessageRate {
  readonly #limiter: RateLimiterMemory;
  readonly #limits: Pick<Limits, "maxUserMessages" | "onRefused">;

  /** `maxUserMessages` is 1 or more. */
  constructor(limits: Pick<Limits, "maxUserMessages" | "onRefused">) {
    this.#limits = limits;
    this.#limiter = new RateLimiterMemory({ points: limits.maxUserMessages, duration: 1 });
  }

  /** Takes as many of `count` messages as the user has left in this second. */
  async take(user: string, count: number): Promise<Allowance> {
    try {
      await this.#limiter.consume(user, count);
      return { count, error: undefined };
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) {
        throw refusal;
      }
      const { maxUserMessages, onRefused } = this.#limits;
      onRefused("user_messages");
      // These messages are consumed, too: whatever exceeds the limit is too much.
      const excess = refusal.consumedPoints - maxUserMessages;
      return {
        count: Math.max(0, count - excess),
        error: withRetry(userMessageRate({ most: maxUserMessages }), refusal.msBeforeNext),
      };
    }
  }
}
