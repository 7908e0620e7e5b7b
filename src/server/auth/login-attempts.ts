import { createHmac, randomBytes } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import { RateLimiterMemory } from "rate-limiter-flexible";
import type { Limits } from "../limits/limits.js";
import { withRetry } from "../limits/over-limit.js";
import { addressLoginFailures, addressLoginsUnderWay, userLoginFailures } from "./errors.js";
import { createLoginQueue, type LoginQueue } from "./login-queue.js";

/** Who tries to log in, and from where. */
export interface LoginAttempt {
  /** The client's; of IPv6 its network of 64 bits. Empty: it is not known, and has no limit. */
  readonly address: string;
  readonly user: string;
}

const windowSeconds = 60;

/** Pairs and addresses are distinguished by this many bits of a hash: their number has a bound. */
const keyBits = 17;

type AttemptLimits = Pick<Limits, "maxLoginAttempts" | "maxAddressLoginAttempts" | "onRefused">;

/**
 * Bounds the failed logins of each pair of address and user name: so a guesser is stopped,
 * and neither who knows the password nor, by a stranger's guesses, the same user elsewhere.
 * Those of an address over all names have a bound of their own, wider, since behind one address
 * there may be many people.
 *
 * Whether the user exists makes no difference, and a refused attempt is not checked at all,
 * so that it tells nothing about the password.
 */
export class LoginAttempts {
  readonly #onRefused: Limits["onRefused"];
  readonly #ofPair: Failures;
  readonly #ofAddress: Failures;
  /** How many logins of each address are under way. */
  readonly #underWay = new Map<number, number>();
  readonly #queues = new Map<number, { readonly queue: LoginQueue; users: number }>();

  constructor({ maxLoginAttempts, maxAddressLoginAttempts, onRefused }: AttemptLimits) {
    this.#onRefused = onRefused;
    this.#ofPair = new Failures(maxLoginAttempts);
    this.#ofAddress = new Failures(maxAddressLoginAttempts);
  }

  /**
   * Runs a login. Rejects with `resource_exhausted` if the pair or the address has failed too often
   * in the last minute. Attempts of one pair run one after the other: of many at once the first
   * failures count for the rest. Of an address no more are under way than may still fail.
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

/** Counts what failed in the last minute, by key. */
class Failures {
  /** Infinity: there is no limit. */
  readonly most: number;
  readonly #counts: RateLimiterMemory;

  /** @param limit 0 is off */
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

/** Of this process: nobody can know which texts share a key. */
const secret = randomBytes(32);

function keyOf(text: string): number {
  return createHmac("sha256", secret).update(text).digest().readUInt32LE() >>> (32 - keyBits);
}
