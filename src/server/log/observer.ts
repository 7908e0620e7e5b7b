/**
 * Called with what a log does, for metrics, in the middle of its work: it must be quick and must
 * never throw.
 */
export interface LogObserver {
  /** `append` was called, with at least one message. */
  appended(): void;
  /** A message was not stored again, because its id was known. */
  repeated(): void;
  /** A commit is durable and its readers are notified. */
  committed(commit: CommitFigures): void;
  /**
   * A commit is on the disk, after `durationMs` milliseconds. Engines without a disk never call it.
   */
  synced(durationMs: number): void;
  /**
   * `count` messages were found that are not in the log's form, and are left out. Engines whose log
   * nobody else can write to never call it.
   */
  malformed?(count: number): void;
  /** A write has failed: no messages are accepted until the engine is sure that it can write. */
  failed(): void;
}

/** The figures of a commit. */
export interface CommitFigures {
  readonly messages: number;
  /** As they are stored, without metadata. */
  readonly bytes: number;
  /** Time since its first message was taken from the queue, in milliseconds. */
  readonly durationMs: number;
}
