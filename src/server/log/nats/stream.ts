import { createHash, randomBytes } from "node:crypto";
import {
  AckPolicy,
  type ApiError,
  type ConsumerConfig,
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamManager,
  type MsgRequest,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import type { StreamMessage } from "../../encoding/stream-payload.js";
import { apiErrors } from "./api-errors.js";
import { NatsFault } from "./faults.js";
import { baseOf, roomOfSubject, subjectOf, wildcardOf } from "./room-subjects.js";
import type { NatsSession } from "./session.js";
import { probeConfig, probeStreamOf, probeSubjectOf, promiseFlaws } from "./stream-config.js";

/** How many messages are requested by sequence at the same time. */
const maxAsked = 64;

/**
 * Time limit for counting the messages of each subject, in milliseconds: there may be very many.
 */
const countMs = 20_000;

/** The state of a stream. */
export interface StreamPlace {
  /** Sequence of the oldest message that is kept; head + 1 if there is none. */
  readonly first: number;
  /** Sequence of the newest message; 0 if there never was one. */
  readonly head: number;
}

function identityOf({ config, created }: StreamInfo): string {
  return createHash("sha256")
    .update(`${config.name}\n${mainSubjectOf(config)}\n${created}`)
    .digest("base64url")
    .slice(0, 8);
}

function mainSubjectOf({ subjects }: StreamConfig): string {
  return baseOf(subjects) ?? subjects[0]!;
}

/** The stream that is the log, and the requests to it. */
export class NatsStream {
  readonly name: string;
  /** The subject of posts to the room `main`; those of other rooms are below it. */
  readonly subject: string;
  /** The log's identity: a stream that was deleted and created again has another one. */
  readonly identity: string;
  /** The state when it was opened. */
  readonly place: StreamPlace;
  readonly #session: NatsSession;
  readonly #manager: JetStreamManager;
  #isReplaced = false;
  readonly #created: string;
  #config!: StreamConfig;
  #edited: { readonly reason: "subject" | "settings"; readonly text: string } | undefined;
  #cluster: StreamInfo["cluster"];
  #subjectCount: number;
  /** Whether everything in it was posted to its subjects; undefined if that is unknown. */
  #isByRoom: boolean | undefined;

  constructor(session: NatsSession, manager: JetStreamManager, info: StreamInfo) {
    this.#session = session;
    this.#manager = manager;
    this.name = info.config.name;
    this.subject = mainSubjectOf(info.config);
    this.identity = identityOf(info);
    this.place = placeOf(info);
    this.#created = info.created;
    this.#setConfig(info.config);
    this.#cluster = info.cluster;
    this.#subjectCount = subjectCountOf(info);
  }

  /**
   * The node that leads the stream, as far as NATS has said; undefined if there is only one node.
   */
  get leader(): string | undefined {
    return this.#cluster?.leader;
  }

  /** How many nodes have all of the stream, and how many should have it. */
  get replicas(): { readonly inStep: number; readonly all: number } {
    const others = this.#cluster?.replicas ?? [];
    const inStep = others.filter(({ current, offline }) => current && !offline).length;
    return { inStep: inStep + 1, all: Math.max(others.length + 1, this.#config.num_replicas) };
  }

  /** Why it cannot be the log since somebody changed it; undefined if it can. */
  get fault(): NatsFault | undefined {
    return this.#edited && new NatsFault(this.#edited.reason, new Error(this.#edited.text));
  }

  /** Cached, because each post asks what is wrong with it. */
  #setConfig(config: StreamConfig): void {
    this.#config = config;
    const { subjects = [] } = config;
    if (!subjects.includes(this.subject)) {
      const was = `it was ${JSON.stringify(this.subject)}, and is ${JSON.stringify(subjects)}`;
      this.#edited = { reason: "subject", text: `${was}: change it back, or restart all servers` };
      return;
    }
    const flaws = promiseFlaws(config);
    this.#edited = flaws === undefined ? undefined : { reason: "settings", text: flaws };
  }

  /** Its settings, as NATS last reported them. */
  get config(): StreamConfig {
    return this.#config;
  }

  /**
   * Whether each room has its subject. Not in a stream that was created before there were rooms and
   * was not converted since, or that has messages of another subject: then `main` is the only room.
   */
  get hasRooms(): boolean {
    return this.#isByRoom !== false && this.#config.subjects.includes(wildcardOf(this.subject));
  }

  /** How many rooms had messages when NATS last reported it. */
  get roomCount(): number {
    return this.#subjectCount;
  }

  /** The subject of a room; the room is empty for `main`. */
  subjectOf(room: string): string {
    return subjectOf(this.subject, room);
  }

  /**
   * Finds out whether the oldest message was posted to the present subjects of the stream: older
   * messages, of another subject, could not be found by room.
   */
  async findSubjects({ first, head }: StreamPlace = this.place): Promise<void> {
    if (this.#isByRoom !== true) {
      const oldest = first > head ? undefined : await this.message(first);
      if (oldest !== undefined || first > head) {
        this.#isByRoom =
          oldest === undefined || roomOfSubject(this.subject, oldest.subject) !== undefined;
      }
    }
  }

  /** Name and subject of the stream for quorum probes. */
  get probe(): string {
    return probeStreamOf(this.name);
  }

  get probeSubject(): string {
    return probeSubjectOf(this.name);
  }

  /** Creates that stream if it does not exist. Rejects with the reason of NATS. */
  async makeProbe(): Promise<void> {
    try {
      await this.#session.request(() => this.#manager.streams.add(probeConfig(this.#config)));
    } catch (error) {
      // An existing one with other settings serves as well.
      if (!(error instanceof JetStreamApiError && error.code === apiErrors.streamNameInUse)) {
        throw error;
      }
    }
  }

  /** Whether another stream was found in its place. The original does not come back. */
  get isReplaced(): boolean {
    return this.#isReplaced;
  }

  /**
   * The present state of the stream. Rejects if JetStream does not answer, and with a
   * `ConnectError` if the stream is not the one that was opened.
   */
  async look(): Promise<StreamPlace> {
    const info = await this.#session.request(() => this.#manager.streams.info(this.name));
    // A changed subject can be changed back: it is still the same stream.
    this.#isReplaced ||= info.created !== this.#created;
    if (this.#isReplaced) {
      throw new NatsFault("replaced");
    }
    this.#setConfig(info.config);
    this.#cluster = info.cluster;
    this.#subjectCount = subjectCountOf(info);
    const place = placeOf(info);
    if (this.#config.subjects.length > 1) {
      await this.findSubjects(place).catch(() => {}); // It is checked again the next time.
    }
    return place;
  }

  /** The message with a sequence; undefined if it is not kept. */
  message(sequence: number): Promise<StreamMessage | undefined> {
    return this.#get({ seq: sequence });
  }

  /** The next message after a sequence whose subject matches; undefined if there is none. */
  next(after: number, filter: string): Promise<StreamMessage | undefined> {
    return this.#get({ seq: after + 1, next_by_subj: filter });
  }

  /** The last message whose subject matches; undefined if there is none. */
  last(filter: string): Promise<StreamMessage | undefined> {
    return this.#get({ last_by_subj: filter });
  }

  /**
   * The number of messages of each subject that a filter matches, for up to 100,000 subjects at a
   * time.
   */
  async *countSubjects(filter: string): AsyncGenerator<[subject: string, count: number][]> {
    const subject = `$JS.API.STREAM.INFO.${this.name}`;
    for (let offset = 0, total = 1; offset < total; ) {
      const question = JSON.stringify({ subjects_filter: filter, offset });
      const answer = await this.#session.request(() =>
        this.#session.connection.request(subject, question, { timeout: countMs }),
      );
      const info = answer.json<Partial<StreamInfo> & { error?: ApiError }>();
      if (info.error !== undefined) {
        throw new JetStreamApiError(info.error);
      }
      const counts = Object.entries(info.state?.subjects ?? {});
      yield counts;
      offset = counts.length === 0 ? Number.POSITIVE_INFINITY : offset + counts.length;
      total = info.total ?? 0;
    }
  }

  async #get(
    query: MsgRequest & { readonly next_by_subj?: string },
  ): Promise<StreamMessage | undefined> {
    try {
      const found = await this.#session.request(() =>
        this.#manager.streams.getMessage(this.name, query),
      );
      if (found === null) {
        return undefined;
      }
      const { seq: sequence, subject, timestamp, data: payload } = found;
      return { sequence, subject, sentAt: Date.parse(timestamp), payload };
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === apiErrors.noMessage) {
        return undefined;
      }
      throw error;
    }
  }

  /**
   * Some of the messages after a sequence up to another one, requested one by one: those before the
   * first missing one. The leader decides what is kept; a consumer may be on a node that lacks
   * messages.
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
   * Creates a consumer: of the messages after a sequence, or of the last message of each subject
   * that one of some filters matches. One server keeps it in memory, and removes it after
   * `forgottenMs` without a sign of life. Returns its name.
   */
  async addConsumer(
    of: number | { readonly lastOf: readonly string[] },
    forgottenMs: number,
    more: Partial<ConsumerConfig> = {},
  ): Promise<string> {
    const start =
      typeof of === "number"
        ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: of + 1 }
        : { deliver_policy: DeliverPolicy.LastPerSubject, filter_subjects: [...of.lastOf] };
    const config = {
      name: `chatter-${randomBytes(9).toString("base64url")}`,
      ...start,
      ack_policy: AckPolicy.None,
      inactive_threshold: nanos(forgottenMs),
      mem_storage: true,
      num_replicas: 1,
      max_deliver: 1,
      ...more,
    };
    const { name } = await this.#session.request(() =>
      this.#manager.consumers.add(this.name, config),
    );
    await this.look(); // A consumer is removed with its stream: nothing of another stream is read.
    return name;
  }

  /** Removes a consumer. If that fails, JetStream forgets it after a while. */
  async removeConsumer(name: string): Promise<void> {
    await this.#session
      .request(() => this.#manager.consumers.delete(this.name, name))
      .catch(() => {});
  }
}

function subjectCountOf({ state }: StreamInfo): number {
  return state.num_subjects ?? 0;
}

function placeOf({ state }: StreamInfo): StreamPlace {
  const { messages, first_seq, last_seq } = state;
  return { first: messages === 0 ? last_seq + 1 : first_seq, head: last_seq };
}
