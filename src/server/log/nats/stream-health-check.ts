import { within } from "../../../async/with-timeout.js";
import { NatsFault, natsFaultOf } from "./faults.js";
import type { NatsSession } from "./session.js";

export interface StreamHealthCheckOptions {
  /** How often the stream is checked, in milliseconds. Default: 1,000. */
  readonly intervalMs?: number;
  /**
   * How long a NATS server may leave requests unanswered before it is left for another one, in
   * milliseconds. Default: 10,000, more than it takes to elect a leader.
   */
  readonly leaveMs?: number;
}

/** Checks the stream periodically, and knows whether it can be used. */
export class StreamHealthCheck {
  readonly #session: NatsSession;
  readonly #look: () => Promise<void>;
  readonly #intervalMs: number;
  readonly #leaveMs: number;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #wake = () => {};
  #fault: NatsFault | undefined;

  /**
   * `look` queries the stream, and rejects if there is no answer or if the stream must not be used.
   */
  constructor(
    session: NatsSession,
    look: () => Promise<void>,
    { intervalMs = 1000, leaveMs = 10_000 }: StreamHealthCheckOptions = {},
  ) {
    this.#session = session;
    this.#look = look;
    this.#intervalMs = intervalMs;
    this.#leaveMs = leaveMs;
    this.#running = this.#run();
  }

  /** Why the stream cannot be used now; undefined if it can. */
  get fault(): NatsFault | undefined {
    return this.#session.isConnected
      ? this.#fault
      : (this.#fault ?? new NatsFault("no_connection"));
  }

  /** Checks as soon as possible. */
  soon(): void {
    this.#wake();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let answered = performance.now();
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      try {
        await this.#look();
        answered = performance.now();
        this.#tell(undefined);
      } catch (error) {
        if (!signal.aborted) {
          this.#tell(error);
        }
        if (this.#session.isConnected && performance.now() - answered > this.#leaveMs) {
          answered = performance.now();
          await this.#session.renew().catch(() => {});
        }
      }
      await within(woken, this.#intervalMs, signal);
    }
  }

  #tell(error: unknown): void {
    this.#fault = error === undefined ? undefined : natsFaultOf(error);
  }
}
