import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  type StreamInfo,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import { openError, replacedError } from "./log-errors.js";
import type { NatsLink } from "./nats-link.js";
import type { StreamMessage } from "./nats-payload.js";
import {
  largestMessageBytes,
  type NatsStreamOptions,
  streamConfig,
  streamFlaws,
} from "./nats-stream-config.js";

/** Time for one question to JetStream, in milliseconds. */
const requestMs = 2000;
const pauseMs = 250;

/** How many messages are asked for by their sequence at the same time. */
const maxAsked = 64;

/** What JetStream says when … */
const apiErrors = {
  /** … it has no such stream */
  streamNotFound: 10059,
  /** … there is one of that name, with other settings */
  streamNameInUse: 10058,
  /** … there are not enough nodes, which may be starting still */
  noPeers: 10005,
  /** … more than one replica is asked of a server that is in no cluster */
  replicasWithoutCluster: 10074,
  /** … there is no message of that sequence */
  noMessage: 10037,
};

/** Where a stream stands. */
export interface StreamPlace {
  /** Sequence of the oldest message kept; head + 1 if there is none. */
  readonly first: number;
  /** Sequence of the newest message; 0 if there never was one. */
  readonly head: number;
}

/**
 * Finds the stream, makes it if it is absent, checks it if it is there. Tries for
 * `timeoutMs`, as a cluster that has just started needs a while.
 *
 * Rejects with `failed_precondition` and one line: what is wrong with the stream that is
 * there, or why none can be made.
 */
export async function openStream(
  link: NatsLink,
  options: NatsStreamOptions,
  timeoutMs: number,
): Promise<NatsStream> {
  const { max_payload = 0 } = link.connection.info ?? {};
  if (max_payload < largestMessageBytes) {
    throw openError(
      `NATS takes no more than ${max_payload} bytes a message: set max_payload to ${largestMessageBytes} or more`,
    );
  }
  const manager = await jetstreamManager(link.connection, { checkAPI: false, timeout: requestMs });
  const end = Date.now() + timeoutMs;
  for (;;) {
    try {
      const info = (await find(manager, options.stream)) ?? (await make(manager, options));
      const flaws = streamFlaws(info.config, options);
      if (flaws !== undefined) {
        throw openError(`the stream "${options.stream}" of NATS cannot be the log: ${flaws}`);
      }
      return new NatsStream(link, manager, info);
    } catch (error) {
      if (!isPassing(error) || Date.now() + pauseMs > end) {
        throw error instanceof ConnectError ? error : unusableError(options, error as Error);
      }
      await sleep(pauseMs);
    }
  }
}

async function find(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === apiErrors.streamNotFound) {
      return undefined;
    }
    throw error;
  }
}

async function make(manager: JetStreamManager, options: NatsStreamOptions): Promise<StreamInfo> {
  // A subject that no other stream ever had: who still posts to a stream that was deleted
  // does not post to the one that was made in its place.
  const subject = `${options.stream}.${randomBytes(6).toString("base64url")}`;
  const replicas = options.replicas ?? 3;
  try {
    return await manager.streams.add(streamConfig(options, subject, replicas));
  } catch (error) {
    if (isAlone(error) && options.replicas === undefined) {
      return make(manager, { ...options, replicas: 1 });
    }
    if (error instanceof JetStreamApiError && error.code === apiErrors.streamNameInUse) {
      return manager.streams.info(options.stream); // Another server was quicker.
    }
    throw error;
  }
}

/** Whether trying again may help: not if JetStream has understood and said no. */
function isPassing(error: unknown): boolean {
  if (error instanceof JetStreamApiError) {
    return error.code === apiErrors.noPeers || (error.status >= 500 && !isAlone(error));
  }
  return !(error instanceof ConnectError);
}

/** Whether more than one replica is asked of a server that is in no cluster. */
function isAlone(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === apiErrors.replicasWithoutCluster;
}

function unusableError({ stream, replicas = 3 }: NatsStreamOptions, error: Error): ConnectError {
  const hint =
    isAlone(error) || (error instanceof JetStreamApiError && error.code === apiErrors.noPeers)
      ? `: ${replicas} replicas need as many nodes with JetStream, see --nats-replicas`
      : "";
  return openError(`the stream "${stream}" of NATS cannot be used: ${error.message}${hint}`, error);
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
    this.#needLink();
    const info = await this.#manager.streams.info(this.name);
    this.#isReplaced ||= identityOf(info) !== this.identity;
    if (this.#isReplaced) {
      throw replacedError();
    }
    return placeOf(info);
  }

  /** The message of a sequence; undefined if it is not kept. */
  async message(sequence: number): Promise<StreamMessage | undefined> {
    this.#needLink();
    try {
      const found = await this.#manager.streams.getMessage(this.name, { seq: sequence });
      return found === null
        ? undefined
        : { sequence, sentAt: Date.parse(found.timestamp), payload: found.data };
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === apiErrors.noMessage) {
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
    this.#needLink();
    const { name } = await this.#manager.consumers.add(this.name, {
      name: `chatter-${randomBytes(9).toString("base64url")}`,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
      ack_policy: AckPolicy.None,
      inactive_threshold: nanos(forgottenMs),
      mem_storage: true,
      num_replicas: 1,
      max_deliver: 1,
      ...more,
    });
    await this.look(); // A consumer goes with its stream: of another one nothing is read.
    return name;
  }

  /** Removes a consumer. What is not removed is forgotten after a while. */
  async removeConsumer(name: string): Promise<void> {
    if (this.#link.isUp) {
      await this.#manager.consumers.delete(this.name, name).catch(() => {});
    }
  }

  /** What is asked while the connection is lost would be sent late, to nobody. */
  #needLink(): void {
    if (!this.#link.isUp) {
      throw new Error("the connection to NATS is lost");
    }
  }
}

function placeOf({ state }: StreamInfo): StreamPlace {
  const { messages, first_seq, last_seq } = state;
  return { first: messages === 0 ? last_seq + 1 : first_seq, head: last_seq };
}
