import type { DedupeWindow } from "../core/dedupe-window.js";
import type { LogClock } from "../core/log-clock.js";
import { hasLimits, isExpired, type RetentionOptions } from "../core/retention.js";
import type { FileStore } from "./file-store.js";

/** How often expired messages and ids are removed. */
const intervalMs = 1000;

/** How many ids are dropped from memory at once: a few milliseconds of work. */
const idsAtOnce = 20_000;

/** What a sweeper needs of its log. */
export interface SweptLog {
  /** The store, if it may be written now. */
  store(): FileStore | undefined;
  /** Where the log stands. */
  standing(): { readonly first: number; readonly head: number; readonly totalBytes: number };
  /** The log begins with `first` now: nobody gets earlier messages any more. */
  moveFirst(first: number): void;
  /** A write has failed. */
  failed(error: unknown): void;
  /** Files cannot be removed, or cannot be read for that; it is tried again. */
  cannotRemove(error: unknown): void;
}

/** Removes messages that exceed the limits, and ids that are too old. */
export class Sweeper {
  readonly #limits: RetentionOptions;
  readonly #window: DedupeWindow;
  readonly #log: SweptLog;
  readonly #clock: LogClock;
  readonly #timer: NodeJS.Timeout;
  #paused = true;
  #sweeping: Promise<void> | undefined;

  constructor(limits: RetentionOptions, window: DedupeWindow, log: SweptLog, clock: LogClock) {
    this.#limits = limits;
    this.#window = window;
    this.#log = log;
    this.#clock = clock;
    this.#timer = setInterval(() => {
      if (!this.#paused) {
        this.#sweeping ??= this.#sweep().finally(() => {
          this.#sweeping = undefined;
        });
      }
    }, intervalMs);
    this.#timer.unref();
  }

  /** No sweep begins from now on: the window does not match the disk. */
  pause(): void {
    this.#paused = true;
  }

  /** Sweeps may begin. */
  resume(): void {
    this.#paused = false;
  }

  /** Resolves when no sweep is in progress. */
  async idle(): Promise<void> {
    await this.#sweeping;
  }

  /**
   * Removes whole files of messages that exceed the limits from a store that cannot be written
   * because the disk is full. No sweep may be in progress. Rejects if there is no space for that
   * either.
   *
   * @param putDown makes it durable where the log begins
   */
  async makeRoom(store: FileStore, putDown: (first: number) => Promise<void>): Promise<void> {
    const first = await this.#moveFirst(store);
    await store.makeRoom(first, this.#forgetIds(), () => putDown(first));
  }

  /** Stops sweeping, after waiting for a sweep in progress. */
  async close(): Promise<void> {
    this.pause();
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    const store = this.#log.store();
    if (store === undefined) {
      return;
    }
    try {
      const first = await this.#moveFirst(store, () => this.#paused);
      if (this.#paused) {
        return;
      }
      const idsFrom = this.#forgetIds();
      await store.removeBefore(first, idsFrom);
      await store.removeIds(idsFrom);
    } catch (error) {
      if (store.hasFailed) {
        this.#log.failed(error);
      } else {
        this.#log.cannotRemove(error);
      }
    }
  }

  /** Forgets ids that are too old; returns the oldest message whose id is remembered. */
  #forgetIds(): number {
    this.#window.expire(this.#clock.nowFor(this.#window.windowMs), idsAtOnce);
    return this.#window.oldestSequence ?? this.#log.standing().head + 1;
  }

  /**
   * Finds the oldest message that is kept, and makes the log begin there, unless the sweep was
   * stopped meanwhile.
   */
  async #moveFirst(store: FileStore, isTooLate = () => false): Promise<number> {
    const { first } = this.#log.standing();
    if (!hasLimits(this.#limits)) {
      return first;
    }
    const now = this.#clock.nowFor(this.#limits.maxAgeMs ?? 0);
    const standing = this.#log.standing();
    const last = await store.lastExpired((record) =>
      isExpired(record, standing, now, this.#limits),
    );
    const moved = Math.max(first, (last ?? 0) + 1);
    if (moved > first && !isTooLate()) {
      this.#log.moveFirst(moved);
    }
    return moved;
  }
}
