import { setTimeout as sleep } from "node:timers/promises";
import { JetStreamApiError, type JetStreamClient, jetstream } from "@nats-io/jetstream";
import { openError } from "../log-errors.js";
import type { LogLogger } from "../log-logger.js";
import { type NatsAddress, type NatsLink, openLink } from "../nats-link.js";
import { encodeImported } from "../nats-payload.js";
import { type NatsStream, openStream } from "../nats-stream.js";
import type { NatsStreamOptions } from "../nats-stream-config.js";
import type { CopiedLog, CopiedMessage } from "./copied-message.js";

export interface NatsImportOptions extends NatsStreamOptions {
  /** Where NATS is, and how to get in. */
  readonly address: NatsAddress;
  /** How long it waits for NATS, in milliseconds, before it breaks off. */
  readonly timeoutMs: number;
  /** The log that is imported. */
  readonly log: CopiedLog;
  /** Default: nothing is said. */
  readonly logger?: LogLogger;
}

const attemptMs = 2000;
const pauseMs = 200;

/** What JetStream says when the stream does not end where it was expected to. */
const wrongLastSequence = 10071;

/**
 * Opens a stream, which is made if it is absent, to import a log into. The messages become
 * those of a log of its own, numbered from 1. An import that broke off goes on where it was
 * when it is run again.
 *
 * Rejects with `failed_precondition` as `openNatsLog` does.
 */
export async function openNatsImport(options: NatsImportOptions): Promise<NatsImport> {
  const { address, timeoutMs, logger } = options;
  const link = await openLink(address, timeoutMs, logger);
  try {
    return new NatsImport(link, await openStream(link, options, timeoutMs), options);
  } catch (error) {
    await link.close();
    throw error;
  }
}

/** An import into a stream under way. */
export class NatsImport {
  readonly #link: NatsLink;
  readonly #stream: NatsStream;
  readonly #client: JetStreamClient;
  readonly #from: string;
  readonly #timeoutMs: number;
  #head: number;
  #seen = 0;
  #added = 0;

  constructor(link: NatsLink, stream: NatsStream, { log, timeoutMs }: NatsImportOptions) {
    this.#link = link;
    this.#stream = stream;
    this.#client = jetstream(link.connection, { timeout: attemptMs });
    this.#from = log.identity;
    this.#timeoutMs = timeoutMs;
    this.#head = stream.place.head;
  }

  /** The identity of the log in the stream. */
  get identity(): string {
    return this.#stream.identity;
  }

  /** Sequence of the last message. */
  get head(): number {
    return this.#head;
  }

  /** How many messages were added; those that were there before do not count. */
  get added(): number {
    return this.#added;
  }

  /**
   * Takes the next messages of the log that is imported; those that the stream has already
   * are passed over. Rejects with `failed_precondition` if the stream has another message in
   * the place of one, or if somebody else posts to it.
   */
  async add(messages: readonly CopiedMessage[]): Promise<void> {
    for (const message of messages) {
      this.#seen++;
      const payload = encodeImported(message, message.sentAt);
      if (this.#seen > this.#head) {
        await this.#post(message, payload);
        this.#head++;
        this.#added++;
      } else if (this.#seen === this.#stream.place.head) {
        const there = await this.#stream.message(this.#seen);
        if (there !== undefined && !payload.equals(there.payload)) {
          throw this.#parted(this.#seen);
        }
      }
    }
  }

  /** The import is whole. */
  async finish(): Promise<void> {
    if (this.#seen < this.#head) {
      throw openError(
        `the stream "${this.#stream.name}" has ${this.#head} messages, the export ` +
          `${this.#seen}: import into a new stream`,
      );
    }
    await this.close();
  }

  /** Lets go of the stream. The import can go on after what is in it. */
  async close(): Promise<void> {
    await this.#link.close();
  }

  /**
   * One message at a time: each has to be the next one. With the id that its log remembers,
   * so that a post that is repeated after the move is known.
   */
  async #post({ sequence, idHash }: CopiedMessage, payload: Buffer): Promise<void> {
    const ownId = `${this.#from}.${sequence}`;
    let msgID = idHash === undefined ? ownId : Buffer.from(idHash).toString("base64url");
    const end = Date.now() + this.#timeoutMs;
    for (;;) {
      try {
        const { seq, duplicate } = await this.#client.publish(this.#stream.subject, payload, {
          msgID,
          expect: { lastSequence: this.#head },
        });
        if (seq === this.#head + 1) {
          return;
        }
        if (!duplicate || msgID === ownId) {
          throw this.#parted(seq);
        }
        msgID = ownId; // An id that was used again when its window was over.
      } catch (error) {
        if (error instanceof JetStreamApiError && error.code === wrongLastSequence) {
          throw this.#parted(this.#head + 1);
        }
        if (Date.now() > end || (error as Error).name === "ConnectError") {
          throw error;
        }
        await sleep(pauseMs);
      }
    }
  }

  #parted(sequence: number): Error {
    return openError(
      `the stream "${this.#stream.name}" has another message ${sequence} than the export: ` +
        "import into a new stream, before servers post to it",
    );
  }
}
