import { createHmac, randomBytes } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import { RateLimiterMemory } from "rate-limiter-flexible";
import { createLoginQueue, type LoginQueue } from "../auth/login-queue.js";
import type { Limits } from "./limits.js";
import { networkOf } from "./network.js";
import { overLimit } from "./over-limit.js";

/** Who tries to log in, and from where. */
export interface LoginAttempt {
  readonly address: string;
  readonly user: string;
}

const windowSeconds = 60;

/** Pairs are told apart by so many bits of a hash, so that their number has a bound. */
const keyBits = 17;

/**
 * Bounds the failed logins of each pair of address and user name: so a guesser is stopped,
 * and neither who knows the password nor, by a stranger's guesses, the same user elsewhere.
 *
 * Whether the user exists makes no difference, and a refused attempt is not checked at all,
 * so that it tells nothing about the password.
 */
export class LoginAttempts {
  readonly #limits: Pick<Limits, "maxLoginAttempts" | "onRefused">;
  readonly #failures: RateLimiterMemory;
  /** Of this process: nobody can know which pairs share a key. */
  readonly #secret = randomBytes(32);
  readonly #queues = new Map<number, { readonly queue: LoginQueue; users: number }>();

  /** `maxLoginAttempts` is 1 or more. */
  constructor(limits: Pick<Limits, "maxLoginAttempts" | "onRefused">) {
    this.#limits = limits;
    this.#failures = new RateLimiterMemory({
      points: limits.maxLoginAttempts,
      duration: windowSeconds,
    });
  }

  /**
   * Runs a login. Rejects with `resource_exhausted` if the pair has failed too often in the
   * last minute. Attempts of one pair run one after the other: of many at once the first
   * failures count for the rest.
   */
  async run<T>(attempt: LoginAttempt, login: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const key = this.#keyOf(attempt);
    await this.#check(key);
    return this.#inTurn(key, signal, async () => {
      await this.#check(key);
      try {
        return await login();
      } catch (error) {
        if (ConnectError.from(error).code === Code.Unauthenticated) {
          await this.#failures.penalty(key);
        }
        throw error;
      }
    });
  }

  #keyOf({ address, user }: LoginAttempt): number {
    const hash = createHmac("sha256", this.#secret)
      .update(`${networkOf(address)}\0${user}`)
      .digest();
    return hash.readUInt32LE() >>> (32 - keyBits);
  }

  async #check(key: number): Promise<void> {
    const { maxLoginAttempts, onRefused } = this.#limits;
    const known = await this.#failures.get(key);
    if (known && known.consumedPoints >= maxLoginAttempts && known.msBeforeNext > 0) {
      onRefused("login_attempts");
      throw overLimit(
        `${maxLoginAttempts} logins of this user have failed in a minute: try again later`,
        known.msBeforeNext,
      );
    }
  }

  async #inTurn<T>(key: number, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    const entry = this.#queues.get(key) ?? { queue: createLoginQueue(), users: 0 };
    this.#queues.set(key, entry);
    entry.users++;
    try {
      return await entry.queue.run(task, signal);
    } finally {
      if (--entry.users === 0) {
        this.#queues.delete(key);
      }
    }
  }
}
