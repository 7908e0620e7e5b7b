import type { ConnectError } from "@connectrpc/connect";

/** A message as it is handed to the log. The service has checked its text and its id. */
export interface NewMessage {
  /** 1 to 65,536 bytes of UTF-8. */
  readonly text: string;
  /** Who posts it: the token's subject. */
  readonly sender: string;
  /** The client's id for it, 0 to 128 bytes of UTF-8; empty: no dedupe. */
  readonly messageId: string;
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
   * takes no writes now.
   */
  readonly error?: ConnectError;
}

/** The id of a stored message, as the log remembers it. */
export interface StoredId {
  readonly sequence: number;
  /** 16 bytes of a hash of the sender and the id: see `hashId`. */
  readonly hash: Uint8Array;
}

/**
 * Messages that follow each other, in their stored form. Sequences between the first and the
 * last may be missing, if the engine has holes. Shared by readers: never changed.
 */
export interface Batch {
  /** Sequence of the first message. */
  readonly first: number;
  /** Sequence of the last message. */
  readonly last: number;
  /** How many messages there are. */
  readonly count: number;
  /**
   * The messages, each as a HistoryResponse in the default view inside a Connect/gRPC
   * envelope (one flag byte 0, four bytes of length, the message). At most 64 KiB, or one
   * message.
   */
  readonly bytes: Uint8Array;
}

export interface ReadOptions {
  /** Read no further than this sequence. Default: the head. */
  readonly through?: number;
  /** At most so many messages. Default: as many as a batch holds. */
  readonly limit?: number;
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
   * before. Calls that wait at the same time may share one commit. Never rejects because of the messages: see {@link AppendResult}.
   */
  append(messages: readonly NewMessage[]): Promise<AppendResult>;

  /**
   * The next messages after a sequence, or undefined if none follows (yet). Near the head
   * the answer comes from memory, at once, and readers at the same place get the same
   * object; else from the disk.
   *
   * Throws or rejects with `out_of_range` if what follows was removed by retention, with
   * `data_loss` naming the range if a record is damaged or missing.
   */
  read(after: number, options?: ReadOptions): Batch | undefined | Promise<Batch | undefined>;

  /** Resolves when the head is beyond `after`; rejects with the signal's reason. */
  wait(after: number, signal: AbortSignal): Promise<void>;

  /**
   * Whether the log has come to a sequence. If this server may not have heard of it yet, it
   * asks, and resolves when the head has come so far. Rejects with `unavailable` if nobody
   * can tell.
   */
  reaches(sequence: number): boolean | Promise<boolean>;

  /**
   * Finds where `count` messages before the head begin: the sequence to read after, so
   * that exactly the last `count` kept messages follow (all, if there are fewer).
   */
  beforeLast(count: number): number | Promise<number>;

  /**
   * The ids that are remembered of the messages after `after` up to `through`, in their
   * order: a copy of the log needs them. An engine that cannot tell has no such method.
   */
  readonly idsBetween?: (after: number, through: number) => Promise<readonly StoredId[]>;

  /** Ends writing, waits for commits under way, and lets go of what it holds. */
  close(): Promise<void>;
}
