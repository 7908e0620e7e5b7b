/**
 * Called with what a log does, for figures about it, in the middle of its work: to be quick,
 * and never to throw.
 */
export interface LogObserver {
  /** `append` was called, with at least one message. */
  appended(): void;
  /** A message was not stored again, since its id was known. */
  repeated(): void;
  /** A commit is durable and its readers are notified. */
  committed(commit: CommitFigures): void;
  /**
   * The disk has a commit, after `durationMs` milliseconds. Engines that know no disk are silent.
   */
  synced(durationMs: number): void;
  /**
   * `count` messages were found that are not of the log's form, and are left out. Engines
   * whose log nobody else can write to are silent.
   */
  malformed?(count: number): void;
  /** A write has failed: no messages are taken until the engine is sure that it can write. */
  failed(): void;
}

/** The figures of a commit. */
export interface CommitFigures {
  readonly messages: number;
  /** As they are stored, without what is stored about them. */
  readonly bytes: number;
  /** From when its first message was taken from those that wait, in milliseconds. */
  readonly durationMs: number;
}
