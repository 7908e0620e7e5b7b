import type { Logger } from "../../util/logger.js";
import { NatsFault } from "./faults.js";
import type { HeadMark, NatsHeadFile } from "./head-file.js";
import type { NatsQuorum } from "./quorum.js";
import type { NatsStream, StreamPlace } from "./stream.js";

/**
 * For how long after the start a cursor beyond the head is a sign of lost messages: clients that
 * were connected return by then. Later, anyone with a token could use it to stop a server.
 */
const cursorSignMs = 120_000;

/** What the stream had. */
interface Known {
  /** It came to this sequence. */
  readonly last: number;
  /** Messages that it had, the newest last. */
  readonly marks: readonly HeadMark[];
}

/** What is known about whether the stream still has what it had. */
export interface IntegrityOptions {
  readonly stream: Pick<NatsStream, "look" | "message"> & {
    readonly config: Pick<NatsStream["config"], "num_replicas">;
  };
  readonly quorum: Pick<NatsQuorum, "certain">;
  /** Where to store what was seen. Default: nowhere. */
  readonly file?: NatsHeadFile | undefined;
  /** Highest sequence that was acknowledged to this server. */
  readonly acknowledged: () => number;
  readonly logger?: Logger | undefined;
}

/**
 * Knows whether the stream still has what this server saw in it. If all nodes of NATS come back
 * with an older state, they use sequences again: then no message may be posted, and none of the new
 * messages may be shown beside the earlier ones.
 *
 * The stream is in doubt after each loss of the connection until it was checked: no node can go
 * back without such a loss, except one that this server is not connected to, which is found within
 * a second, or by the next acknowledgement.
 */
export class NatsIntegrity {
  readonly #options: IntegrityOptions;
  readonly #startedAt = performance.now();
  /** The newest message that the stream had when it was not in doubt. */
  #mark: HeadMark | undefined;
  /**
   * The first message that arrived while the stream was in doubt, and the newest: both must be
   * found, because what arrives after the stream has gone back is there.
   */
  #unchecked: readonly HeadMark[] = [];
  #isWhole = false;
  /** How often the stream came into doubt: a check that began before proves nothing. */
  #doubts = 0;
  #loss: string | undefined;
  /** A cursor was issued for this sequence, and the stream never came that far. */
  #claimed = 0;
  #whole: Promise<void>;
  #tellWhole = () => {};

  constructor(options: IntegrityOptions) {
    this.#options = options;
    this.#mark = options.file?.found;
    this.#whole = this.#nextWhole();
  }

  /** Whether the check has found everything that the stream had; posts wait for it. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Resolves when it is. */
  get whole(): Promise<void> {
    return this.#whole;
  }

  /** Why no messages are accepted, if some are lost. */
  get fault() {
    return this.#loss === undefined ? undefined : lostFault(this.#loss);
  }

  /** Highest sequence that the stream is known to have had. */
  get last(): number {
    return Math.max(this.#seen, this.#options.acknowledged());
  }

  /** The stream has come to this message. */
  saw(mark: HeadMark): void {
    if (mark.sequence <= this.#seen) {
      return;
    }
    if (this.#isWhole && this.#unchecked.length === 0) {
      this.#setMark(mark);
    } else {
      this.#unchecked = [...this.#unchecked.slice(0, 1), mark];
    }
  }

  /** It may have gone back since it was checked. */
  doubt(): void {
    this.#doubts++;
    if (this.#isWhole) {
      this.#isWhole = false;
      this.#whole = this.#nextWhole();
    }
  }

  /**
   * Compares the state of the stream with what was known before. Rejects with `unavailable` if it
   * has less, or something else: a new leader may not know everything yet, so this is treated as a
   * loss only when there certainly is a quorum.
   */
  async check(): Promise<StreamPlace> {
    const known = this.#known;
    let doubts = this.#doubts;
    const place = await this.#options.stream.look();
    if ((await this.#difference(place, known)) === undefined) {
      if (known.marks.length === 0) {
        await this.#markHead(place.head);
      }
      this.#become(undefined, known, doubts);
      return place;
    }
    this.doubt();
    doubts = this.#doubts;
    if (this.#loss === undefined) {
      const { stream, quorum } = this.#options;
      if (stream.config.num_replicas > 1) {
        await quorum.certain();
      }
      this.#become(await this.#difference(await stream.look(), known), known, doubts);
    }
    if (this.fault !== undefined) {
      throw this.fault;
    }
    return place;
  }

  /** An acknowledgement had a sequence that was used before: the stream has gone back. */
  wentBack(sequence: number, last: number): void {
    this.doubt();
    this.#loss = `message ${sequence} was stored, and ${last} was there before`;
  }

  /**
   * A cursor of this log is for a position that the stream does not have. If nothing else is known
   * of what it had, this is taken as a sign of loss.
   */
  cursorBeyond(sequence: number, head: number): void {
    const { file, logger } = this.#options;
    const isYoung = performance.now() - this.#startedAt < cursorSignMs;
    if (file?.found !== undefined || !isYoung || this.#claimed > 0) {
      return;
    }
    this.#claimed = sequence;
    logger?.error({ sequence, head }, "a cursor is beyond the end of the stream");
    this.doubt();
    this.#loss = `the stream ends with message ${head}, and a client has a cursor of ${sequence}`;
  }

  /** Highest sequence that has arrived at this server, now or before a restart. */
  get #seen(): number {
    return this.#unchecked.at(-1)?.sequence ?? this.#mark?.sequence ?? 0;
  }

  get #known(): Known {
    const { last } = this;
    return { last, marks: [...(this.#mark ? [this.#mark] : []), ...this.#unchecked] };
  }

  /** What the stream no longer has; undefined if it has everything. */
  async #difference(
    { first, head }: StreamPlace,
    { last, marks }: Known,
  ): Promise<string | undefined> {
    if (this.#claimed > 0) {
      return `the stream ends with message ${head}, and a client has a cursor of ${this.#claimed}`;
    }
    if (head < last) {
      return `the stream ends with message ${head}, and had ${last}`;
    }
    const kept = marks.filter(({ sequence }) => sequence >= first);
    const differences = await Promise.all(kept.map((mark) => this.#differenceAt(mark)));
    return differences.find((difference) => difference !== undefined);
  }

  async #differenceAt(mark: HeadMark): Promise<string | undefined> {
    const message = await this.#options.stream.message(mark.sequence);
    if (message === undefined) {
      const now = await this.#options.stream.look();
      return now.first > mark.sequence ? undefined : `message ${mark.sequence} is gone`;
    }
    return Math.abs(message.sentAt - mark.sentAt) > 1
      ? `message ${mark.sequence} is not the one that it was`
      : undefined;
  }

  /** What it has at the start is what is known. */
  async #markHead(head: number): Promise<void> {
    const message = head > 0 ? await this.#options.stream.message(head) : undefined;
    if (message !== undefined && head > this.#seen) {
      this.#setMark({ sequence: head, sentAt: message.sentAt });
    }
  }

  #setMark(mark: HeadMark): void {
    this.#mark = mark;
    this.#options.file?.write(mark);
  }

  /** A check has ended, which compared what was known when there had been so many doubts. */
  #become(loss: string | undefined, { marks }: Known, doubts: number): void {
    if (doubts !== this.#doubts) {
      return; // The next check says more.
    }
    this.#loss = loss;
    if (loss !== undefined) {
      return;
    }
    const newest = marks.at(-1);
    if (newest !== undefined && newest.sequence > (this.#mark?.sequence ?? 0)) {
      this.#setMark(newest);
    }
    const checked = this.#mark?.sequence ?? 0;
    this.#unchecked = this.#unchecked.filter(({ sequence }) => sequence > checked);
    if (!this.#isWhole) {
      this.#isWhole = true;
      this.#tellWhole();
    }
  }

  #nextWhole(): Promise<void> {
    return new Promise((resolve) => {
      this.#tellWhole = resolve;
    });
  }
}

function lostFault(what: string): NatsFault {
  return new NatsFault("lost", new Error(`JetStream has lost messages: ${what}`));
}
