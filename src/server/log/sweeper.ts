import type { DedupeWindow } from "./dedupe-window.js";
import type { LevelStore } from "./level-store.js";
import { keySequence } from "./record.js";
import { hasLimits, type RetentionOptions, surplusEnd } from "./retention.js";

/** How often what is too old is removed. */
const intervalMs = 1000;

/** Ids that are dropped from memory at once: a few milliseconds' work. */
const idsAtOnce = 20_000;

/** What a sweeper needs of its log. */
export interface SweptLog {
  /** The store, if it may be written to now. */
  store(): LevelStore | undefined;
  /** Where the log stands. */
  standing(): { readonly first: number; readonly head: number; readonly totalBytes: number };
  /** Removes records, after which the log begins with `first`. */
  remove(store: LevelStore, keys: readonly Buffer[], first: number): Promise<void>;
  /** A write has failed. */
  failed(error: unknown): void;
}

/** Removes messages that are beyond the limits, and ids that are too old, in small steps. */
export class Sweeper {
  readonly #limits: RetentionOptions;
  readonly #window: DedupeWindow;
  readonly #log: SweptLog;
  readonly #timer: NodeJS.Timeout;
  #paused = true;
  #sweeping: Promise<void> | undefined;
  /** Records of ids that end before this are gone. */
  #idsFrom = 0;

  constructor(limits: RetentionOptions, window: DedupeWindow, log: SweptLog) {
    this.#limits = limits;
    this.#window = window;
    this.#log = log;
    this.#timer = setInterval(() => {
      if (!this.#paused) {
        this.#sweeping ??= this.#sweep().finally(() => {
          this.#sweeping = undefined;
        });
      }
    }, intervalMs);
    this.#timer.unref();
  }

  /** No sweep begins from now on: the window does not hold what the disk does. */
  pause(): void {
    this.#paused = true;
  }

  /** Sweeps may begin. */
  resume(): void {
    this.#paused = false;
  }

  /** Resolves when no sweep is under way. */
  async idle(): Promise<void> {
    await this.#sweeping;
  }

  /** Ends sweeping and waits for what is under way. */
  async close(): Promise<void> {
    this.pause();
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    try {
      if (hasLimits(this.#limits)) {
        while (await this.#removeSurplus()) {}
      }
      await this.#removeIds();
    } catch (error) {
      this.#log.failed(error);
    }
  }

  /** Removes some records; false if there is nothing (more) to remove. */
  async #removeSurplus(): Promise<boolean> {
    const store = this.#log.store();
    if (store === undefined || this.#paused) {
      return false;
    }
    const standing = this.#log.standing();
    const found = await store.oldest(standing.first - 1, standing.head);
    const end = surplusEnd(found, standing, Date.now(), this.#limits);
    if (end === 0) {
      return false;
    }
    const keys = found.slice(0, end).map(({ key }) => key);
    await this.#log.remove(store, keys, keySequence(keys.at(-1)!)! + 1);
    return end === found.length;
  }

  async #removeIds(): Promise<void> {
    this.#window.expire(Date.now(), idsAtOnce);
    const before = this.#window.oldestSequence ?? this.#log.standing().head + 1;
    while (this.#idsFrom < before && !this.#paused) {
      const store = this.#log.store();
      if (store === undefined) {
        return;
      }
      this.#idsFrom = await store.removeIds(this.#idsFrom, before);
    }
  }
}
