/**
 * Told what a log does, for figures about it. Called in the middle of its work: to be quick,
 * and never to throw.
 */
export interface LogObserver {
  /** `append` was called, with at least one message. */
  appended(): void;
  /** A message was not stored again, since its id was known. */
  repeated(): void;
  /** A commit is durable and its readers are told. */
  committed(commit: CommitFigures): void;
  /** The disk has a commit, after so many milliseconds. Engines that know no disk are silent. */
  synced(durationMs: number): void;
  /** A write has failed: no messages are taken until the engine is sure that it can write. */
  failed(): void;
}

/** What is told of a commit. */
export interface CommitFigures {
  readonly messages: number;
  /** As they are stored, without what is stored about them. */
  readonly bytes: number;
  /** From when its first message was taken from those that wait, in milliseconds. */
  readonly durationMs: number;
}
