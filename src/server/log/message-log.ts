import type { ConnectError } from "@connectrpc/connect";
import type { Batch } from "../encoding/batch.js";
import type { RoomSelection } from "../rooms/room-selection.js";

export type { Batch };

/** A message as it is passed to the log. The service has checked its text and its id. */
export interface NewMessage {
  /** 0 to 65,536 bytes of UTF-8. */
  readonly text: string;
  /** The sender: the token's subject. */
  readonly sender: string;
  /** The client's id for it, 0 to 128 bytes of UTF-8; empty: it is not deduplicated. */
  readonly messageId: string;
  /** The name of the room, checked by the service; empty for `main`. Default: `main`. */
  readonly room?: string;
}

/** Where and when a message was stored. */
export interface Position {
  /** The message's place in the log, from 1. */
  readonly sequence: number;
  /** When the log stored it, in milliseconds since 1970. */
  readonly sentAt: number;
}

/** The outcome of one `append`. */
export interface AppendResult {
  /**
   * The position of each durable message, from the first; a repeat has the position of the
   * original. Shorter than the list of messages if, and only if, there is an error.
   */
  readonly positions: readonly Position[];
  /**
   * Why the message after the last position was refused; neither it nor those after it are stored.
   * `already_exists`: its id was used for another text. `unavailable`: the log accepts no writes
   * now.
   */
  readonly error?: ConnectError;
}

/**
 * Called while `append` is in progress, whenever more of its messages are durable, with their
 * positions since the last call; not for the last ones, which the result has.
 */
export type OnStored = (positions: readonly Position[]) => void;

/** The id of a stored message, as the log remembers it. */
export interface StoredId {
  readonly sequence: number;
  /** 16 bytes of a hash of the sender and the id: see `hashId`. */
  readonly hash: Uint8Array;
}

/** The state of the servers that hold a log. */
export interface LogStatus {
  /** The one that this server is, or was last, connected to, such as "10.0.0.1:4222". */
  readonly node: string;
  readonly isConnected: boolean;
  /** How often the connection was restored. */
  readonly reconnects: number;
  /** The name of the leader; undefined if there is only one server. */
  readonly leader: string | undefined;
  /** How many have all of the log, and how many should have it. */
  readonly replicas: { readonly inStep: number; readonly all: number };
  /** Messages in flight, which have no acknowledgement yet. */
  readonly unanswered: number;
  /** Why no messages are accepted, as a short keyword; undefined if they are accepted. */
  readonly faultReason: string | undefined;
}

/** Consecutive messages of one room in the log. */
export interface RoomRange {
  /** Empty for `main`. */
  readonly room: string;
  /** Sequence of the first message. */
  readonly first: number;
  /** Sequence of the last message. */
  readonly last: number;
}

/** Called when the head of a log moves. */
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
  /** Ends the call early; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What is known about a room that has messages. */
export interface RoomState {
  /** Empty for `main`. */
  readonly room: string;
  /** How many messages are kept. */
  readonly count: number;
  /** Sequence of the last message. */
  readonly last: number;
  /** When the log stored the last message, in milliseconds since 1970. */
  readonly lastAt: number;
  /** How many of the messages came after `since`; 0 without it. */
  readonly countSince: number;
}

export interface ReadOptions {
  /** The last sequence to read. Default: the head. */
  readonly through?: number;
  /** Maximum number of messages. Default: as many as a batch holds. */
  readonly limit?: number;
  /** The rooms whose messages are wanted. Default: all. */
  readonly rooms?: RoomSelection;
  /** Ends the read early; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * One ordered, durable log of messages. Every engine keeps these promises, and
 * `test/log/contract.ts` holds each engine to them:
 *
 * - what `append` has answered survives a crash; readers see a message only once it is durable;
 * - sequences rise: within a call in the order of its messages, and from an answered call to every
 *   later one. Concurrent calls may mix;
 * - a reader that goes from batch to batch sees each message once, in order;
 * - a failed write stops all writing (`unavailable`) until the engine has made sure of what is
 *   stored; reading continues.
 */
export interface MessageLog {
  /**
   * The log's identity, which every cursor has: 8 characters of base64url, created with the log.
   */
  readonly identity: string;

  /** Sequence of the newest durable message; 0 if there never was one. */
  readonly head: number;

  /** Sequence of the oldest message that is kept; head + 1 if there is none. */
  readonly first: number;

  /** Why no writes are accepted now; undefined if they are. */
  readonly writeFault: ConnectError | undefined;

  /**
   * Stores messages and resolves when they are durable, and this server's head has reached them.
   * Calls that wait at the same time may share one commit. Never rejects because of the messages:
   * see {@link AppendResult}.
   *
   * @param onStored called with the progress; the result has these positions too. Default: nothing
   * is called.
   */
  append(messages: readonly NewMessage[], onStored?: OnStored): Promise<AppendResult>;

  /**
   * The next messages after a sequence, or undefined if none follows (yet). Near the head the
   * answer comes from memory, synchronously, and readers at the same position of the same rooms get
   * the same object; otherwise it comes from the disk. Undefined means that none of the rooms has a
   * message up to `through`, or up to the head at the time of the call.
   *
   * Throws or rejects with `out_of_range` if what follows was removed by retention, or with
   * `data_loss` and the range if a record is damaged or missing.
   */
  read(after: number, options?: ReadOptions): Batch | undefined | Promise<Batch | undefined>;

  /**
   * Has a listener called whenever the head moves, and when the log closes. Returns a function
   * that unsubscribes.
   */
  listen(listener: HeadListener): () => void;

  /**
   * Whether the log has reached a sequence. If this server may be behind, it asks, and resolves
   * when its head has come that far. Rejects with `unavailable` if that cannot be known.
   */
  reaches(sequence: number): boolean | Promise<boolean>;

  /**
   * Finds where `count` messages before the head begin: the sequence to read after, so
   * that exactly the last `count` kept messages follow (all, if there are fewer).
   *
   * @param rooms counts only the messages of these rooms. Default: all
   * @param signal ends the call early; it then rejects with the signal's reason. Default: none
   */
  beforeLast(count: number, rooms?: RoomSelection, signal?: AbortSignal): number | Promise<number>;

  /**
   * The rooms that have messages, in the order of their titles ("main" for the empty name). One
   * call returns at most `limit`: continue after the title of the last one.
   */
  rooms(query: RoomsQuery): readonly RoomState[] | Promise<readonly RoomState[]>;

  /**
   * The remembered ids of the messages after `after` up to `through`, in order: a copy of the log
   * needs them. Engines that cannot list them do not have this method.
   */
  readonly idsBetween?: (after: number, through: number) => Promise<readonly StoredId[]>;

  /** The state of the servers that hold the log. Engines that need no servers do not have it. */
  readonly status?: LogStatus;

  /** Ends writing, waits for commits in progress, and releases all resources. */
  close(): Promise<void>;
}
