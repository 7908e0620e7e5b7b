import type { ConnectError } from "@connectrpc/connect";
import type { Batch } from "../encoding/batch.js";
import type { RoomSelection } from "../rooms/room-selection.js";

export type { Batch };

/** A message as it is handed to the log. The service has checked its text and its id. */
export interface NewMessage {
  /** 0 to 65,536 bytes of UTF-8. */
  readonly text: string;
  /** Who posts it: the token's subject. */
  readonly sender: string;
  /** The client's id for it, 0 to 128 bytes of UTF-8; empty: no dedupe. */
  readonly messageId: string;
  /** The name of the room, checked by the service; empty for `main`. Default: `main`. */
  readonly room?: string;
}

/** Where and when a message was stored. */
export interface Position {
  /** The message's place in the log, from 1. */
  readonly sequence: number;
  /** When the log took it, in milliseconds since 1970. */
  readonly sentAt: number;
}

/** What became of the messages of one `append`. */
export interface AppendResult {
  /**
   * The place of each message that is durable, from the first; a repeat has the place of
   * the first one. Shorter than the messages if, and only if, there is an error.
   */
  readonly positions: readonly Position[];
  /**
   * Why the message after the last position was refused; neither it nor those after it
   * are stored. `already_exists`: its id is taken by another text. `unavailable`: the log
   * accepts no writes now.
   */
  readonly error?: ConnectError;
}

/**
 * Called while `append` is under way, each time when more of its messages are durable, with
 * the places of those since the last time; not for the last ones, which the result has.
 */
export type OnStored = (positions: readonly Position[]) => void;

/** The id of a stored message, as the log remembers it. */
export interface StoredId {
  readonly sequence: number;
  /** 16 bytes of a hash of the sender and the id: see `hashId`. */
  readonly hash: Uint8Array;
}

/** How it stands with the servers that hold a log. */
export interface LogStatus {
  /** The one that this server is, or was last, connected to, such as "10.0.0.1:4222". */
  readonly node: string;
  readonly isConnected: boolean;
  /** How often the connection was made again. */
  readonly reconnects: number;
  /** The name of the one that leads; undefined if there is one alone. */
  readonly leader: string | undefined;
  /** How many have all of the log, and how many are to have it. */
  readonly replicas: { readonly inStep: number; readonly all: number };
  /** Messages that are on their way and have no answer yet. */
  readonly unanswered: number;
  /** Why no messages are taken, one of few words; undefined if they are. */
  readonly faultReason: string | undefined;
}

/** Messages of one room that follow each other in the log. */
export interface RoomRange {
  /** Empty for `main`. */
  readonly room: string;
  /** Sequence of the first message. */
  readonly first: number;
  /** Sequence of the last message. */
  readonly last: number;
}

/** Is called when the head of a log moves. */
export interface HeadListener {
  /**
   * The head has moved, in this turn of the event loop.
   *
   * @param ranges what was added, in order; undefined if the log cannot tell
   */
  moved(ranges: readonly RoomRange[] | undefined): void;
  /** The log is closed: the head does not move any more. */
  closed(error: ConnectError): void;
}

/** Which rooms to list. */
export interface RoomsQuery {
  /** Only rooms that this selects. */
  readonly rooms: RoomSelection;
  /** Only rooms whose title begins with this. */
  readonly prefix: string;
  /** Only rooms whose title comes after this one; empty: from the first. */
  readonly after: string;
  /** Maximum number of rooms. */
  readonly limit: number;
  /** Counts the messages of each room after this sequence. Default: none are counted. */
  readonly since?: number | undefined;
  /** Ends a call under way; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What is known of a room that has messages. */
export interface RoomState {
  /** Empty for `main`. */
  readonly room: string;
  /** How many messages are kept. */
  readonly count: number;
  /** Sequence of the last message. */
  readonly last: number;
  /** When the log took the last message, in milliseconds since 1970. */
  readonly lastAt: number;
  /** How many of the messages came after `since`; 0 without it. */
  readonly countSince: number;
}

export interface ReadOptions {
  /** Read no further than this sequence. Default: the head. */
  readonly through?: number;
  /** Maximum number of messages. Default: as many as a batch holds. */
  readonly limit?: number;
  /** The rooms whose messages are wanted. Default: all. */
  readonly rooms?: RoomSelection;
  /** Ends a read under way; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * One ordered, durable log of messages. Every engine keeps these promises, and
 * `test/log/contract.ts` holds each engine to them:
 *
 * - what `append` has answered survives a crash; readers see a message only once it is
 *   durable;
 * - sequences rise: within a call in the order of its messages, and from a call to one that
 *   was made when it was answered. Calls under way together may mix;
 * - a reader that goes from batch to batch sees each message once, in order;
 * - a failed write stops all writing (`unavailable`) until the engine has made sure of
 *   what is stored; readers go on.
 */
export interface MessageLog {
  /** The log's identity, in every cursor: 8 characters of base64url, made with the log. */
  readonly identity: string;

  /** Sequence of the newest durable message; 0 if there never was one. */
  readonly head: number;

  /** Sequence of the oldest message that is kept; head + 1 if there is none. */
  readonly first: number;

  /** Why no writes are taken now; undefined when they are. */
  readonly writeFault: ConnectError | undefined;

  /**
   * Stores messages and resolves when they are durable, and at the head of this server or
   * before. Calls that wait at the same time may share one commit. Never rejects because of the
   * messages: see {@link AppendResult}.
   *
   * @param onStored called with how far it has come; the result has these places too. Default:
   *   nothing is called.
   */
  append(messages: readonly NewMessage[], onStored?: OnStored): Promise<AppendResult>;

  /**
   * The next messages after a sequence, or undefined if none follows (yet). Near the head
   * the answer comes from memory, at once, and readers at the same place of the same rooms get
   * the same object; else from the disk. Undefined says that none of the rooms has a message up
   * to where the head stood when it was called, or `through`.
   *
   * Throws or rejects with `out_of_range` if what follows was removed by retention, with
   * `data_loss` naming the range if a record is damaged or missing.
   */
  read(after: number, options?: ReadOptions): Batch | undefined | Promise<Batch | undefined>;

  /** Resolves when the head is beyond `after`; rejects with the signal's reason. */
  wait(after: number, signal: AbortSignal): Promise<void>;

  /**
   * Has a listener called whenever the head moves, and when the log closes. Returns a function
   * that unsubscribes.
   */
  listen(listener: HeadListener): () => void;

  /**
   * Whether the log has come to a sequence. If this server may not have heard of it yet, it
   * asks, and resolves when the head has come so far. Rejects with `unavailable` if nobody
   * can tell.
   */
  reaches(sequence: number): boolean | Promise<boolean>;

  /**
   * Finds where `count` messages before the head begin: the sequence to read after, so
   * that exactly the last `count` kept messages follow (all, if there are fewer).
   *
   * @param rooms counts the messages of these rooms alone. Default: all
   * @param signal ends a call under way; it then rejects with the signal's reason. Default: none
   */
  beforeLast(count: number, rooms?: RoomSelection, signal?: AbortSignal): number | Promise<number>;

  /**
   * The rooms that have messages, in the order of their titles ("main" for the empty name). One
   * call has at most `limit`: go on after the title of the last one.
   */
  rooms(query: RoomsQuery): readonly RoomState[] | Promise<readonly RoomState[]>;

  /**
   * The ids that are remembered of the messages after `after` up to `through`, in their
   * order: a copy of the log needs them. An engine that cannot tell has no such method.
   */
  readonly idsBetween?: (after: number, through: number) => Promise<readonly StoredId[]>;

  /**
   * How it stands with the servers that hold the log. Engines that need none have no such thing.
   */
  readonly status?: LogStatus;

  /** Ends writing, waits for commits under way, and lets go of what it holds. */
  close(): Promise<void>;
}
