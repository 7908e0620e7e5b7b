import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { natsAwayError } from "./log-errors.js";
import type { LogLogger } from "./log-logger.js";
import type { NatsLink } from "./nats-link.js";

export interface NatsWatchOptions {
  /** How often the stream is looked at, in milliseconds. Default: 1,000. */
  readonly intervalMs?: number;
  /**
   * A NATS server that has no answer for so long, in milliseconds, is left for another one.
   * Default: 10,000, more than it takes to elect a leader.
   */
  readonly leaveMs?: number;
  /** Default: nothing is said. */
  readonly logger?: LogLogger;
}

/** Looks at the stream again and again, and knows whether it can be used. */
export class NatsWatch {
  readonly #link: NatsLink;
  readonly #look: () => Promise<void>;
  readonly #intervalMs: number;
  readonly #leaveMs: number;
  readonly #logger: LogLogger | undefined;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #fault: ConnectError | undefined;

  /** `look` asks the stream, and rejects if it has no answer or must not be used. */
  constructor(
    link: NatsLink,
    look: () => Promise<void>,
    { intervalMs = 1000, leaveMs = 10_000, logger }: NatsWatchOptions = {},
  ) {
    this.#link = link;
    this.#look = look;
    this.#intervalMs = intervalMs;
    this.#leaveMs = leaveMs;
    this.#logger = logger;
    this.#running = this.#run();
  }

  /** Why the stream cannot be used now; undefined if it can. */
  get fault(): ConnectError | undefined {
    return this.#link.isUp ? this.#fault : (this.#fault ?? natsAwayError(undefined));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let answered = Date.now();
    while (!signal.aborted) {
      try {
        await this.#look();
        answered = Date.now();
        this.#tell(undefined);
      } catch (error) {
        if (!signal.aborted) {
          this.#tell(error);
        }
        if (this.#link.isUp && Date.now() - answered > this.#leaveMs) {
          answered = Date.now();
          await this.#link.renew().catch(() => {});
        }
      }
      await sleep(this.#intervalMs, undefined, { signal }).catch(() => {});
    }
  }

  #tell(error: unknown): void {
    if (error !== undefined && this.#fault === undefined) {
      this.#logger?.error({ err: error }, "the stream cannot be used: no messages are taken");
    } else if (error === undefined && this.#fault !== undefined) {
      this.#logger?.info({}, "the stream can be used again: messages are taken");
    }
    this.#fault =
      error === undefined || error instanceof ConnectError ? error : natsAwayError(error);
  }
}
