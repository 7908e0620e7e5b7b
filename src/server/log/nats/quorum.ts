import { setTimeout as sleep } from "node:timers/promises";
import { type JetStreamClient, jetstream } from "@nats-io/jetstream";
import { errors as NatsErrors } from "@nats-io/transport-node";
import { within } from "../../../async/with-timeout.js";
import { NatsFault } from "./faults.js";
import type { NatsSession } from "./session.js";
import type { NatsStream } from "./stream.js";

/** A proof that is older than this, in milliseconds, counts no more. */
const proofMs = 5000;

/** How long there may be no acknowledged post before the quorum is probed. */
const renewMs = 2000;

/** Time limit for one probe, in milliseconds. */
const askMs = 1500;

/** How long a leader may be unaware that there is a new one: it is notified every second. */
const staleMs = 2500;
const pauseMs = 200;

/**
 * Knows whether the nodes that hold the log have a quorum. A leader that was cut off from the
 * others answers requests about the stream as before, until it notices; only an acknowledged write
 * proves a quorum. Posts are such writes; when there are none, it writes to a small stream beside
 * the log's, because in the log itself a write would use up a sequence.
 */
export class NatsQuorum {
  readonly #client: JetStreamClient;
  readonly #session: NatsSession;
  readonly #stream: NatsStream;
  readonly #closing: AbortSignal;
  /** When the last acknowledged write began, and when its acknowledgement came. */
  #provenFrom = Number.NEGATIVE_INFINITY;
  #provenAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  #cause: unknown;

  constructor(session: NatsSession, stream: NatsStream, closing: AbortSignal) {
    this.#session = session;
    this.#stream = stream;
    this.#client = jetstream(session.connection, { timeout: askMs });
    this.#closing = closing;
  }

  /** Whether a write was acknowledged in the last 5 s. */
  get isProven(): boolean {
    return performance.now() - this.#provenAt <= proofMs;
  }

  /** Why the last probe failed. */
  get cause(): unknown {
    return this.#cause;
  }

  /** A write that began at this time (`performance.now`) was acknowledged now. */
  prove(begunAt: number): void {
    this.#provenFrom = Math.max(this.#provenFrom, begunAt);
    this.#provenAt = performance.now();
  }

  /**
   * Probes, if nothing was acknowledged recently. Rejects with `unavailable` if there is no quorum.
   */
  async check(): Promise<void> {
    if (performance.now() - this.#provenAt > renewMs) {
      await this.#ask();
      if (!this.isProven) {
        throw new NatsFault("no_quorum", this.#cause);
      }
    }
  }

  /**
   * Resolves when whatever a leader says from now on is certainly no older than the call: a quorum
   * has acknowledged a write, and a deposed leader has had time to be notified. Rejects with
   * `unavailable` if there is no quorum within some seconds.
   */
  async certain(): Promise<void> {
    await this.#provenSince(performance.now());
    await this.#pause(staleMs);
    await this.#provenSince(performance.now());
  }

  async #provenSince(begun: number): Promise<void> {
    const end = begun + 2 * askMs;
    while (this.#provenFrom < begun) {
      if (this.#closing.aborted || performance.now() > end) {
        throw new NatsFault("no_quorum", this.#cause);
      }
      await this.#ask();
      if (this.#provenFrom < begun) {
        await this.#pause(pauseMs);
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#closing }).catch(() => {});
  }

  /** One probe at a time, shared by all callers. */
  async #ask(): Promise<void> {
    this.#asking ??= this.#publish().finally(() => {
      this.#asking = undefined;
    });
    await within(this.#asking, 2 * askMs, this.#closing);
  }

  async #publish(): Promise<void> {
    const begun = performance.now();
    const { probeSubject } = this.#stream;
    try {
      await this.#session.request(() => this.#client.publish(probeSubject, "", { timeout: askMs }));
      this.prove(begun);
    } catch (error) {
      this.#cause = error;
      if (error instanceof NatsErrors.NoRespondersError) {
        await this.#stream.makeProbe().catch(() => {}); // It could not be created before.
      }
    }
  }
}
