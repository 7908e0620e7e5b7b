import { setTimeout as sleep } from "node:timers/promises";
import { type JetStreamClient, jetstream } from "@nats-io/jetstream";
import { errors as NatsErrors } from "@nats-io/transport-node";
import { within } from "../../../async/with-timeout.js";
import { NatsFault } from "./faults.js";
import type { NatsSession } from "./session.js";
import type { NatsStream } from "./stream.js";

/** A proof that is older than this, in milliseconds, proves nothing. */
const proofMs = 5000;

/** How long there may be no acknowledged post before the quorum is asked. */
const renewMs = 2000;

/** Time for one question, in milliseconds. */
const askMs = 1500;

/** How long a leader may not know that there is a new one: it is notified every second. */
const staleMs = 2500;
const pauseMs = 200;

/**
 * Knows whether the nodes that hold the log have a quorum. A leader that was cut off from the
 * others answers questions about the stream as it did before, until it notices; only a write
 * that was acknowledged tells. Posts do, and where there are none, a write to a small stream
 * beside the log's: in the log itself it would use up a sequence.
 */
export class NatsQuorum {
  readonly #client: JetStreamClient;
  readonly #session: NatsSession;
  readonly #stream: NatsStream;
  readonly #closing: AbortSignal;
  /** When the last write that was acknowledged began, and when its answer came. */
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

  /** Why the last question had no answer. */
  get cause(): unknown {
    return this.#cause;
  }

  /** A write that began then (by `performance.now`) was acknowledged now. */
  prove(begunAt: number): void {
    this.#provenFrom = Math.max(this.#provenFrom, begunAt);
    this.#provenAt = performance.now();
  }

  /**
   * Asks, if nothing was acknowledged of late. Rejects with `unavailable` if there is no quorum.
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
   * Resolves when what a leader says from now on is certain to be no older than the call: a
   * quorum has acknowledged a write, and again when one that no longer leads has had
   * time to be notified. Rejects with `unavailable` if there is none in some seconds.
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

  /** One question at a time, for all who want to know. */
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
        await this.#stream.makeProbe().catch(() => {}); // It could not be made before.
      }
    }
  }
}
