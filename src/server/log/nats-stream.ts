import { createHash, randomBytes } from "node:crypto";
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamManager,
  type StreamInfo,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import { replacedError } from "./log-errors.js";
import type { NatsLink } from "./nats-link.js";
import type { StreamMessage } from "./nats-payload.js";

/** How many messages are asked for by their sequence at the same time. */
const maxAsked = 64;

/** What JetStream says when there is no message of a sequence. */
const noMessage = 10037;

/** Where a stream stands. */
export interface StreamPlace {
  /** Sequence of the oldest message kept; head + 1 if there is none. */
  readonly first: number;
  /** Sequence of the newest message; 0 if there never was one. */
  readonly head: number;
}

function identityOf({ config, created }: StreamInfo): string {
  return createHash("sha256")
    .update(`${config.name}\n${config.subjects[0]}\n${created}`)
    .digest("base64url")
    .slice(0, 8);
}

/** The stream that is the log, and what can be asked of it. */
export class NatsStream {
  readonly name: string;
  /** Where posts go. */
  readonly subject: string;
  /** The log's identity: a stream that is deleted and made again has another one. */
  readonly identity: string;
  /** As it stood when it was opened. */
  readonly place: StreamPlace;
  readonly #link: NatsLink;
  readonly #manager: JetStreamManager;
  #isReplaced = false;

  constructor(link: NatsLink, manager: JetStreamManager, info: StreamInfo) {
    this.#link = link;
    this.#manager = manager;
    this.name = info.config.name;
    this.subject = info.config.subjects[0]!;
    this.identity = identityOf(info);
    this.place = placeOf(info);
  }

  /** Whether another stream was seen in its place. It does not come back. */
  get isReplaced(): boolean {
    return this.#isReplaced;
  }

  /**
   * Where the stream stands now. Rejects if JetStream has no answer, and with a
   * `ConnectError` if the stream is not the one that was opened.
   */
  async look(): Promise<StreamPlace> {
    const info = await this.#link.ask(() => this.#manager.streams.info(this.name));
    this.#isReplaced ||= identityOf(info) !== this.identity;
    if (this.#isReplaced) {
      throw replacedError();
    }
    return placeOf(info);
  }

  /** The message of a sequence; undefined if it is not kept. */
  async message(sequence: number): Promise<StreamMessage | undefined> {
    try {
      const found = await this.#link.ask(() =>
        this.#manager.streams.getMessage(this.name, { seq: sequence }),
      );
      return found === null
        ? undefined
        : { sequence, sentAt: Date.parse(found.timestamp), payload: found.data };
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === noMessage) {
        return undefined;
      }
      throw error;
    }
  }

  /**
   * Some of the messages after a sequence up to another one, asked for one by one: those
   * before the first that is missing. The leader has the last word on what is kept; a
   * consumer may be on a node that has not all.
   */
  async messages(after: number, through: number): Promise<StreamMessage[]> {
    const found = await Promise.all(
      Array.from({ length: Math.min(maxAsked, through - after) }, (_, i) =>
        this.message(after + 1 + i),
      ),
    );
    const missing = found.indexOf(undefined);
    return found.slice(0, missing < 0 ? found.length : missing) as StreamMessage[];
  }

  /**
   * Makes a consumer of what follows a sequence, held in one server's memory and gone when
   * nobody has heard of it for `forgottenMs`. Returns its name.
   */
  async addConsumer(
    after: number,
    forgottenMs: number,
    more: Partial<ConsumerConfig>,
  ): Promise<string> {
    const config = {
      name: `chatter-${randomBytes(9).toString("base64url")}`,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
      ack_policy: AckPolicy.None,
      inactive_threshold: nanos(forgottenMs),
      mem_storage: true,
      num_replicas: 1,
      max_deliver: 1,
      ...more,
    };
    const { name } = await this.#link.ask(() => this.#manager.consumers.add(this.name, config));
    await this.look(); // A consumer goes with its stream: of another one nothing is read.
    return name;
  }

  /** Removes a consumer. What is not removed is forgotten after a while. */
  async removeConsumer(name: string): Promise<void> {
    await this.#link.ask(() => this.#manager.consumers.delete(this.name, name)).catch(() => {});
  }
}

function placeOf({ state }: StreamInfo): StreamPlace {
  const { messages, first_seq, last_seq } = state;
  return { first: messages === 0 ? last_seq + 1 : first_seq, head: last_seq };
}
