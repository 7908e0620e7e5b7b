import { createHmac, randomBytes } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import { RateLimiterMemory } from "rate-limiter-flexible";
import type { Limits } from "../limits/limits.js";
import { withRetry } from "../limits/over-limit.js";
import { addressLoginFailures, addressLoginsUnderWay, userLoginFailures } from "./errors.js";
import { createLoginQueue, type LoginQueue } from "./login-queue.js";

/** Who tries to log in, and from where. */
export interface LoginAttempt {
  /**
   * The client's address; for IPv6, its network of 64 bits. Empty: it is unknown, and has no limit.
   */
  readonly address: string;
  readonly user: string;
}

const windowSeconds = 60;

/**
 * Pairs and addresses are distinguished by this many bits of a hash, so their number is limited.
 */
const keyBits = 17;

type AttemptLimits = Pick<Limits, "maxLoginAttempts" | "maxAddressLoginAttempts" | "onRefused">;

/**
 * Limits the failed logins of each pair of address and user name: this stops a guesser, but not a
 * user who knows the password, nor the same user elsewhere whose password a stranger is guessing.
 * The failed logins of an address over all names have a higher limit of their own, because many
 * people may share one address.
 *
 * It makes no difference whether the user exists, and a refused attempt is not checked at all, so
 * it reveals nothing about the password.
 */
export class LoginAttempts {
  readonly #onRefused: Limits["onRefused"];
  readonly #ofPair: Failures;
  readonly #ofAddress: Failures;
  /** How many logins of each address are in progress. */
  readonly #underWay = new Map<number, number>();
  readonly #queues = new Map<number, { readonly queue: LoginQueue; users: number }>();

  constructor({ maxLoginAttempts, maxAddressLoginAttempts, onRefused }: AttemptLimits) {
    this.#onRefused = onRefused;
    this.#ofPair = new Failures(maxLoginAttempts);
    this.#ofAddress = new Failures(maxAddressLoginAttempts);
  }

  /**
   * Runs a login. Rejects with `resource_exhausted` if the pair or the address has failed too often
   * in the last minute. Attempts of one pair run one after the other, so that the first failures of
   * many concurrent ones count for the rest. An address may have no more logins in progress than
   * may still fail.
   */
  async run<T>(attempt: LoginAttempt, login: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { address, user } = attempt;
    const pair = keyOf(`${address}\0${user}`);
    await this.#checkPair(pair);
    const checked = () =>
      this.#inTurn(pair, signal, async () => {
        await this.#checkPair(pair);
        try {
          return await login();
        } catch (error) {
          await this.#count(error, pair, keyOf(address));
          throw error;
        }
      });
    return address === "" ? checked() : this.#ofOneAddress(keyOf(address), checked);
  }

  async #count(error: unknown, pair: number, address: number): Promise<void> {
    const { code } = ConnectError.from(error);
    if (code === Code.Unauthenticated) {
      await Promise.all([this.#ofPair.add(pair), this.#ofAddress.add(address)]);
    } else if (code === Code.ResourceExhausted) {
      this.#onRefused("login_queue");
    }
  }

  async #checkPair(pair: number): Promise<void> {
    const { count, msLeft } = await this.#ofPair.of(pair);
    if (count >= this.#ofPair.most) {
      this.#onRefused("login_attempts");
      throw withRetry(userLoginFailures({ most: this.#ofPair.most }), msLeft);
    }
  }

  async #ofOneAddress<T>(address: number, task: () => Promise<T>): Promise<T> {
    const { count, msLeft } = await this.#ofAddress.of(address);
    const underWay = this.#underWay.get(address) ?? 0;
    const { most } = this.#ofAddress;
    if (count + underWay >= most) {
      this.#onRefused("address_login_attempts");
      throw count >= most
        ? withRetry(addressLoginFailures({ most }), msLeft)
        : withRetry(addressLoginsUnderWay({ count: underWay }));
    }
    this.#underWay.set(address, underWay + 1);
    try {
      return await task();
    } finally {
      const left = this.#underWay.get(address)! - 1;
      if (left > 0) {
        this.#underWay.set(address, left);
      } else {
        this.#underWay.delete(address);
      }
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

/** Counts the failures of the last minute, by key. */
class Failures {
  /** Infinity: there is no limit. */
  readonly most: number;
  readonly #counts: RateLimiterMemory;

  /** @param limit 0: no limit */
  constructor(limit: number) {
    this.most = limit || Number.POSITIVE_INFINITY;
    this.#counts = new RateLimiterMemory({ points: limit, duration: windowSeconds });
  }

  async of(key: number): Promise<{ readonly count: number; readonly msLeft: number }> {
    const known = await this.#counts.get(key);
    return known && known.msBeforeNext > 0
      ? { count: known.consumedPoints, msLeft: known.msBeforeNext }
      : { count: 0, msLeft: 0 };
  }

  async add(key: number): Promise<void> {
    if (this.most < Number.POSITIVE_INFINITY) {
      await this.#counts.penalty(key);
    }
  }
}

/** Random in each process: nobody can know which texts share a key. */
const secret = randomBytes(32);

function keyOf(text: string): number {
  return createHmac("sha256", secret).update(text).digest().readUInt32LE() >>> (32 - keyBits);
}
