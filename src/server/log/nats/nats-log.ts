import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { within } from "../../../async/with-timeout.js";
import { sliceBatch } from "../../encoding/batch.js";
import type { StreamMessage } from "../../encoding/stream-payload.js";
import { RoomSelection } from "../../rooms/room-selection.js";
import type { Logger } from "../../util/logger.js";
import { makeFolder } from "../../util/make-folder.js";
import { scanRooms } from "../core/room-scan.js";
import { closedError, overtakenError, unreadableError } from "../errors.js";
import type {
  AppendResult,
  Batch,
  HeadListener,
  LogStatus,
  MessageLog,
  NewMessage,
  OnStored,
  ReadOptions,
  RoomState,
  RoomsQuery,
} from "../message-log.js";
import type { LogObserver } from "../observer.js";
import { NatsFault, natsFaultOf } from "./faults.js";
import { NatsHeadFile } from "./head-file.js";
import { NatsIntegrity } from "./integrity.js";
import { openStream } from "./open-stream.js";
import { NatsPublisher } from "./publish/publisher.js";
import { NatsQuorum } from "./quorum.js";
import { NatsCatchUp } from "./read/catch-up.js";
import { NatsDirectGets } from "./read/direct-gets.js";
import { MalformedMessages } from "./read/malformed.js";
import { ReplicaTail } from "./read/replica-tail.js";
import { NatsRoomList } from "./read/room-list.js";
import { NatsRoomReads } from "./read/room-reads.js";
import { searchBeforeLast, stepBeforeLast } from "./read/room-search.js";
import { NatsTail } from "./read/tail.js";
import { NatsReadiness } from "./readiness.js";
import { wildcardOf } from "./room-subjects.js";
import { type NatsAddress, type NatsSession, openSession } from "./session.js";
import type { NatsStream, StreamPlace } from "./stream.js";
import type { NatsStreamOptions } from "./stream-config.js";
import { StreamHealthCheck } from "./stream-health-check.js";

/** Options of `openNatsLog`. */
export interface NatsLogOptions extends NatsStreamOptions {
  /** How to connect to NATS. */
  readonly address: NatsAddress;
  /**
   * How long to wait for NATS when the log is opened, and for the acknowledgement of a post, in
   * milliseconds: then they fail.
   */
  readonly timeoutMs: number;
  /**
   * Folder for a file that records how far this server has seen the log, so that it notices after a
   * restart if JetStream has lost messages. Created if it does not exist. Default: nothing is
   * recorded.
   */
  readonly headFolder?: string;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /**
   * Called with what the log does; each message is a commit of its own. Default: nothing is called.
   */
  readonly observer?: LogObserver;
}

/** How long a cursor of another server may be ahead of what JetStream reports. */
const aheadMs = 1000;
const pauseMs = 200;

/** Up to this many names and patterns are read by their subjects; for more, all rooms are read. */
const maxFilters = 16;

/** How long to wait for the quorum to be known when the log is opened. */
const settleMs = 2000;

/**
 * Opens the log in a stream of NATS JetStream, or creates it: the engine for several servers.
 *
 * Rejects with `failed_precondition` and one line if NATS cannot be reached in time or does not
 * admit this server, or if the existing stream cannot be the log.
 */
export async function openNatsLog(options: NatsLogOptions): Promise<MessageLog> {
  const { address, timeoutMs, logger } = options;
  const session = await openSession(address, timeoutMs, logger);
  try {
    const stream = await openStream(session, options, timeoutMs);
    if (!stream.hasRooms) {
      logger?.warn({ stream: stream.name }, conversionText(stream));
    }
    const log = new NatsLog(session, stream, options, await openHeadFile(stream, options));
    await log.settle();
    return log;
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Explains how to convert a stream that was created before there were rooms. */
function conversionText({ name, subject, config }: NatsStream): string {
  return config.subjects.length > 1
    ? "the log has the room main alone: its stream has messages of an older subject. When they are gone, or imported into a new stream, it can have others"
    : `the log has the room main alone: when all servers are of this version, convert its stream with: nats stream edit ${name} --subjects='${subject},${wildcardOf(subject)}' --allow-direct`;
}

async function openHeadFile(
  { identity }: NatsStream,
  { headFolder, logger }: NatsLogOptions,
): Promise<NatsHeadFile | undefined> {
  if (headFolder === undefined) {
    return undefined;
  }
  await makeFolder(headFolder).catch(() => {}); // Opening the file reports what is wrong.
  return new NatsHeadFile(headFolder, identity, logger);
}

class NatsLog implements MessageLog {
  readonly identity: string;
  readonly #session: NatsSession;
  readonly #stream: NatsStream;
  readonly #timeoutMs: number;
  readonly #publisher: NatsPublisher;
  readonly #catchUp: NatsCatchUp;
  readonly #gets: NatsDirectGets;
  readonly #roomReads: NatsRoomReads;
  readonly #roomList: NatsRoomList;
  readonly #tail: NatsTail;
  readonly #quorum: NatsQuorum;
  readonly #integrity: NatsIntegrity;
  readonly #headFile: NatsHeadFile | undefined;
  readonly #health: StreamHealthCheck;
  readonly #readiness: NatsReadiness;
  readonly #closing = new AbortController();
  readonly #replica: ReplicaTail;

  constructor(
    session: NatsSession,
    stream: NatsStream,
    { timeoutMs, logger, observer }: Pick<NatsLogOptions, "timeoutMs" | "logger" | "observer">,
    headFile?: NatsHeadFile,
  ) {
    setMaxListeners(0, this.#closing.signal);
    this.identity = stream.identity;
    this.#session = session;
    this.#stream = stream;
    this.#timeoutMs = timeoutMs;
    this.#headFile = headFile;
    this.#quorum = new NatsQuorum(session, stream, this.#closing.signal);
    this.#integrity = new NatsIntegrity({
      stream,
      quorum: this.#quorum,
      file: headFile,
      acknowledged: () => this.#publisher.last,
      logger,
    });
    const malformed = new MalformedMessages(logger, observer);
    this.#replica = new ReplicaTail(stream, this.#closing.signal, logger, malformed, (newest) =>
      this.#integrity.saw(newest),
    );
    this.#publisher = new NatsPublisher(session, stream, this.#replica, timeoutMs, {
      observer,
      onAcknowledged: (begunAt) => this.#quorum.prove(begunAt),
      onFailed: (fault) => this.#readiness.failed(fault),
      integrity: this.#integrity,
    });
    const check = (after: number) => this.#checkKept(after);
    this.#catchUp = new NatsCatchUp(session, stream, check, logger, malformed);
    this.#gets = new NatsDirectGets(session, stream);
    this.#roomReads = new NatsRoomReads({ session, stream, gets: this.#gets, malformed, check });
    const { cache } = this.#replica;
    this.#roomList = new NatsRoomList({ session, stream, gets: this.#gets, cache, log: this });
    const take = (messages: StreamMessage[]) => this.#replica.take(messages);
    this.#tail = new NatsTail(session, stream, this.head, take, () => this.#integrity.whole);
    this.#health = new StreamHealthCheck(session, () => this.#look());
    this.#readiness = new NatsReadiness(
      () => this.#fault,
      () => session.connection.getServer(),
      logger,
    );
    session.onChange((isConnected) => {
      if (isConnected) {
        this.#health.soon();
      } else {
        this.#integrity.doubt();
      }
    });
  }

  /** Resolves when it is known whether the log accepts messages, or after a while. */
  async settle(): Promise<void> {
    await within(this.#look(), settleMs, this.#closing.signal);
  }

  get head() {
    return this.#replica.head;
  }

  get first() {
    return this.#replica.first;
  }

  get writeFault() {
    return this.#readiness.now();
  }

  /** The state of NATS, for metrics. */
  get status(): LogStatus {
    return {
      node: this.#session.connection.getServer(),
      isConnected: this.#session.isConnected,
      reconnects: this.#session.reconnects,
      leader: this.#stream.leader,
      replicas: this.#stream.replicas,
      unanswered: this.#publisher.unanswered,
      faultReason: this.#fault?.reason,
    };
  }

  get #fault(): NatsFault | undefined {
    if (!this.#session.isConnected) {
      const { refusal } = this.#session;
      return refusal === undefined
        ? new NatsFault("no_connection")
        : new NatsFault("no_login", refusal);
    }
    return (
      this.#integrity.fault ??
      this.#health.fault ??
      this.#publisher.fault ??
      (this.#quorum.isProven ? undefined : new NatsFault("no_quorum", this.#quorum.cause))
    );
  }

  append(messages: readonly NewMessage[], onStored?: OnStored): Promise<AppendResult> {
    return this.#publisher.append(messages, onStored);
  }

  read(after: number, options: ReadOptions = {}): Batch | undefined | Promise<Batch | undefined> {
    const { through = this.head, limit, rooms = RoomSelection.all, signal } = options;
    signal?.throwIfAborted();
    if (this.#closing.signal.aborted) {
      throw closedError();
    }
    if (after + 1 < this.first) {
      throw overtakenError({ after, first: this.first });
    }
    if (after >= Math.min(this.head, through)) {
      return undefined;
    }
    if (after + 1 >= this.#replica.cache.first) {
      return this.#replica.cache.read(after, options);
    }
    return this.#readStream(after, Math.min(this.head, through), rooms, signal).then(
      (batch) => batch && sliceBatch(batch, after, through, limit),
    );
  }

  /**
   * Reads messages that are no longer in memory: by the subjects of a few rooms, or those of all
   * rooms.
   */
  #readStream(
    after: number,
    through: number,
    rooms: RoomSelection,
    signal: AbortSignal | undefined,
  ): Promise<Batch | undefined> {
    if (rooms.isAll) {
      return this.#catchUp.read(after, this.head, signal);
    }
    const isLikelyAll = this.#stream.roomCount === 1 && rooms.has("");
    if (this.#isFew(rooms) && !isLikelyAll) {
      return this.#roomReads.read(after, through, rooms, signal);
    }
    const read = (at: number) => this.read(at, { through, ...(signal && { signal }) });
    return scanRooms(read, after, through, rooms);
  }

  /** Whether rooms can be read by their subjects. */
  #isFew({ names, prefixes }: RoomSelection): boolean {
    return this.#stream.hasRooms && names.size + prefixes.size <= maxFilters;
  }

  listen(listener: HeadListener): () => void {
    return this.#replica.listeners.listen(listener);
  }

  async reaches(sequence: number): Promise<boolean> {
    const end = performance.now() + aheadMs;
    let isCertain = false;
    while (sequence > this.head) {
      let head: number;
      try {
        ({ head } = await this.#stream.look());
      } catch (error) {
        throw error instanceof ConnectError ? error : natsFaultOf(error);
      }
      isCertain ||= this.#stream.config.num_replicas === 1;
      if (sequence <= head) {
        if (await this.#replica.untilCome(sequence, this.#timeoutMs)) {
          return true;
        }
        throw new NatsFault("no_answer");
      }
      if (performance.now() > end) {
        if (isCertain) {
          if (sequence <= this.#integrity.last) {
            throw this.#integrity.fault ?? new NatsFault("no_answer");
          }
          this.#integrity.cursorBeyond(sequence, head);
          return false;
        }
        // A leader that was disconnected does not know the latest messages of the others.
        await this.#quorum.certain();
        isCertain = true;
        continue;
      }
      // A new leader may not know all messages yet.
      await sleep(pauseMs, undefined, { signal: this.#closing.signal }).catch(() => {});
    }
    return true;
  }

  beforeLast(
    count: number,
    rooms = RoomSelection.all,
    signal?: AbortSignal,
  ): number | Promise<number> {
    signal?.throwIfAborted();
    const { first, head } = this;
    const hasMainAlone = !this.#stream.hasRooms && rooms.has("");
    if (rooms.isAll || hasMainAlone) {
      return Math.max(first - 1, head - count);
    }
    const back = this.#replica.cache.back(count, rooms);
    if ("before" in back) {
      return back.before;
    }
    const { left } = back;
    const span = { from: first, end: this.#replica.cache.first };
    if (count === 0 || span.from >= span.end) {
      return count === 0 ? head : first - 1;
    }
    const found = this.#isFew(rooms)
      ? searchBeforeLast(this.#gets, this.#stream, left, rooms, span, signal)
      : stepBeforeLast(this, left, rooms, span, signal);
    return found.catch((error) => {
      signal?.throwIfAborted();
      throw error instanceof ConnectError ? error : unreadableError({ cause: error });
    });
  }

  async rooms(query: RoomsQuery): Promise<readonly RoomState[]> {
    try {
      return await this.#roomList.list(query);
    } catch (error) {
      query.signal?.throwIfAborted();
      throw error instanceof ConnectError ? error : unreadableError({ cause: error });
    }
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) {
      return;
    }
    this.#closing.abort();
    this.#readiness.close();
    this.#replica.listeners.close();
    const closed = Promise.all([
      this.#publisher.close(),
      this.#catchUp.close(closedError()),
      this.#roomReads.close(closedError()),
      this.#tail.close(),
      this.#health.close(),
    ]);
    if (!this.#session.isConnected) {
      await this.#session.close(); // They wait until it is back.
    }
    await closed;
    this.#roomList.close();
    this.#gets.close();
    await this.#session.close();
    this.#headFile?.close();
  }

  /**
   * The stream's state. Rejects with `out_of_range` if the messages after a sequence are not kept.
   */
  async #checkKept(after: number): Promise<StreamPlace> {
    const place = await this.#stream.look();
    this.#replica.moveFirst(place.first);
    if (after + 1 < this.first) {
      throw overtakenError({ after, first: this.first });
    }
    return place;
  }

  /** Finds where the stream begins. Rejects if the stream cannot be used now. */
  async #look(): Promise<void> {
    const { first } = await this.#integrity.check();
    this.#replica.moveFirst(first);
    if (this.#stream.fault !== undefined) {
      throw this.#stream.fault;
    }
    await this.#quorum.check();
  }
}
