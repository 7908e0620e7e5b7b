import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { type JetStreamClient, jetstream } from "@nats-io/jetstream";
import { encodeImported } from "../../encoding/stream-payload.js";
import type { Logger } from "../../util/logger.js";
import { natsFaultOf } from "../nats/faults.js";
import { openStream } from "../nats/open-stream.js";
import { type NatsAddress, type NatsSession, openSession } from "../nats/session.js";
import type { NatsStream } from "../nats/stream.js";
import type { NatsStreamOptions } from "../nats/stream-config.js";
import type { CopiedLog, CopiedMessage } from "./copied-message.js";
import { longerStream, partedStream, roomlessStream } from "./errors.js";

export interface NatsImportOptions extends NatsStreamOptions {
  /** How to connect to NATS. */
  readonly address: NatsAddress;
  /** How long to wait for NATS, in milliseconds, before giving up. */
  readonly timeoutMs: number;
  /** The log that is imported. */
  readonly log: CopiedLog;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
}

/** Maximum number of messages in flight. */
const maxUnanswered = 256;

const attemptMs = 2000;
const pauseMs = 200;

/** A message with its position in the stream. */
interface NumberedMessage {
  readonly sequence: number;
  readonly subject: string;
  readonly payload: Buffer;
  readonly ownId: string;
  messageId: string;
}

/**
 * Opens a stream to import a log into, and creates it if it does not exist. The messages become
 * those of a log of its own, numbered from 1. An interrupted import continues where it was when it
 * is run again.
 *
 * Rejects with `failed_precondition` as `openNatsLog` does.
 */
export async function openNatsImport(options: NatsImportOptions): Promise<NatsImport> {
  const { address, timeoutMs, logger } = options;
  const session = await openSession(address, timeoutMs, logger);
  try {
    return new NatsImport(session, await openStream(session, options, timeoutMs), options);
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** An import into a stream, in progress. */
export class NatsImport {
  readonly #session: NatsSession;
  readonly #stream: NatsStream;
  readonly #client: JetStreamClient;
  readonly #from: string;
  readonly #timeoutMs: number;
  #head: number;
  #seen = 0;
  #added = 0;

  constructor(session: NatsSession, stream: NatsStream, { log, timeoutMs }: NatsImportOptions) {
    this.#session = session;
    this.#stream = stream;
    this.#client = jetstream(session.connection, { timeout: attemptMs });
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

  /** How many messages are new: those that the stream already had do not count. */
  get added(): number {
    return this.#added;
  }

  /**
   * Adds the next messages of the log that is imported; those that the stream already has are
   * skipped. Rejects with `failed_precondition` if the stream has another message in the place of
   * one, or if somebody else posts to it.
   */
  async add(messages: readonly CopiedMessage[]): Promise<void> {
    const added: NumberedMessage[] = [];
    for (const message of messages) {
      const sequence = ++this.#seen;
      const payload = encodeImported(message, message.sentAt);
      if (sequence > this.#head) {
        const { idHash } = message;
        const ownId = `${this.#from}.${message.sequence}`;
        // A post that is repeated after the move is recognized by the id that its log remembers.
        const messageId = idHash ? Buffer.from(idHash).toString("base64url") : ownId;
        const subject = this.#subjectOf(message.room);
        added.push({ sequence, subject, payload, ownId, messageId });
      } else if (sequence === this.#stream.place.head) {
        await this.#checkSame(sequence, payload);
      }
    }
    for (let i = 0; i < added.length; i += maxUnanswered) {
      await this.#write(added.slice(i, i + maxUnanswered));
    }
  }

  /** The import is complete. */
  async finish(): Promise<void> {
    if (this.#seen < this.#head) {
      throw longerStream({ stream: this.#stream.name, head: this.#head, seen: this.#seen });
    }
    await this.close();
  }

  /** Releases the stream. The import can be continued after what is in it. */
  async close(): Promise<void> {
    await this.#session.close();
  }

  #subjectOf(room: string): string {
    if (room !== "" && !this.#stream.hasRooms) {
      throw roomlessStream({ stream: this.#stream.name });
    }
    return this.#stream.subjectOf(room);
  }

  /**
   * Writes consecutive messages, all at once; after a failure, again from the first that failed.
   */
  async #write(messages: readonly NumberedMessage[]): Promise<void> {
    let rest = messages;
    let end = performance.now() + this.#timeoutMs;
    while (rest.length > 0) {
      const acks = await Promise.allSettled(rest.map((message) => this.#publish(message)));
      const failed = acks.findIndex(({ status }) => status === "rejected");
      let stored = failed < 0 ? rest.length : failed;
      if (failed >= 0) {
        const { reason } = acks[failed] as PromiseRejectedResult;
        if (performance.now() > end) {
          throw natsFaultOf(reason);
        }
        await sleep(pauseMs);
        stored = Math.max(stored, await this.#countStored(rest));
      }
      if (stored > 0) {
        end = performance.now() + this.#timeoutMs;
      }
      this.#head += stored;
      this.#added += stored;
      rest = rest.slice(stored);
    }
  }

  /**
   * Each message states the sequence that it follows: so none is stored after one that was lost,
   * and none twice, whatever happens to the acknowledgements.
   */
  async #publish(message: NumberedMessage): Promise<void> {
    const { sequence, subject, payload, ownId, messageId } = message;
    const { seq } = await this.#client.publish(subject, payload, {
      msgID: messageId,
      expect: { lastSequence: sequence - 1 },
    });
    if (seq !== sequence) {
      message.messageId = ownId; // An id that was used again after its window had ended.
      throw new Error(`message ${sequence} has the id of message ${seq}`);
    }
  }

  /** How many of some messages the stream has, from the first, acknowledged or not. */
  async #countStored(messages: readonly NumberedMessage[]): Promise<number> {
    try {
      const { head } = await this.#stream.look();
      const stored = messages.filter(({ sequence }) => sequence <= head);
      const last = stored.at(-1);
      if (last !== undefined) {
        await this.#checkSame(last.sequence, last.payload);
      }
      return stored.length;
    } catch (error) {
      if (error instanceof ConnectError) {
        throw error;
      }
      return 0; // JetStream is unavailable.
    }
  }

  /** The stream must have this message in its place. */
  async #checkSame(sequence: number, payload: Buffer): Promise<void> {
    const there = await this.#stream.message(sequence);
    if (there !== undefined && !payload.equals(there.payload)) {
      throw this.#parted(sequence);
    }
  }

  #parted(sequence: number): Error {
    return partedStream({ stream: this.#stream.name, sequence });
  }
}
