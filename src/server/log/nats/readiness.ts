import type { Logger } from "../../util/logger.js";
import type { NatsFault, NatsFaultReason } from "./faults.js";

/** How often to check whether something has changed, in milliseconds. */
const intervalMs = 250;

/**
 * Minimum interval between two lines of the server log about the same kind of failure, in
 * milliseconds.
 */
const quietMs = 10_000;

/** Logs, once for each change, whether and why no messages are accepted. */
export class NatsReadiness {
  readonly #fault: () => NatsFault | undefined;
  readonly #node: () => string;
  readonly #logger: Logger | undefined;
  readonly #timer: NodeJS.Timeout;
  #logged: NatsFault | undefined;
  /** When failures of a kind were last logged, and how many there have been since. */
  readonly #failures = new Map<NatsFaultReason, { until: number; more: number }>();

  /**
   * @param fault what is wrong now; undefined if nothing is
   * @param node the NATS server that this server is connected to
   */
  constructor(fault: () => NatsFault | undefined, node: () => string, logger?: Logger) {
    this.#fault = fault;
    this.#node = node;
    this.#logger = logger;
    this.#timer = setInterval(() => this.now(), intervalMs);
    this.#timer.unref();
  }

  /**
   * Why no messages are accepted; undefined if they are. A change is logged before it is returned.
   */
  now(): NatsFault | undefined {
    const fault = this.#fault();
    if (fault?.reason !== this.#logged?.reason) {
      const node = this.#node();
      if (fault !== undefined) {
        const { reason, rawMessage, cause } = fault;
        this.#logger?.error({ reason, node, err: cause }, rawMessage);
      } else {
        this.#logger?.info({ node }, "the log accepts messages again");
      }
      this.#logged = fault;
    }
    return fault;
  }

  /** A post has failed. */
  failed({ reason, rawMessage, cause }: NatsFault): void {
    const last = this.#failures.get(reason);
    if (last !== undefined && performance.now() < last.until) {
      last.more++;
      return;
    }
    this.#failures.set(reason, { until: performance.now() + quietMs, more: 0 });
    const before = last?.more ?? 0;
    this.#logger?.warn(
      { reason, node: this.#node(), err: cause, before },
      `a post was not stored: ${rawMessage}`,
    );
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
