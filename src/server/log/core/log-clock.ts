import type { Logger } from "../../util/logger.js";

/*
 * A log needs the time for two things: the `sent_at` of a message, which never goes back, and ages,
 * by which messages and ids are removed. The machine's clock serves neither: a single moment in
 * which it is wrong would stay in the log for good.
 *
 * So the log has a time of its own. It follows the machine's clock while that advances as clocks
 * do. A step of more than a minute ahead must last before it counts: one minute for `sent_at`, ten
 * for ages, because what they remove does not come back. If the machine's clock is behind the log,
 * the log waits for it: meanwhile the log's time advances a tenth slower.
 *
 * Ages are measured by a clock that nobody sets. What was stored before the start has the age that
 * the log's own times say, and the time since then counts as a step does.
 */

/** How far the machine's clock may step ahead and be believed at once. */
const trustedStepMs = 60_000;
/** How long a larger step must last before messages get its time. */
const stampAfterMs = 60_000;
/** How long it must last before it makes anything older. */
const ageAfterMs = 600_000;
/**
 * How far the machine's clock may step back so that the log's time just stands still for that long.
 */
const standMs = 1000;
/** How fast the log's time advances while it is further ahead than that. */
const aheadRate = 0.9;
/** The difference from which on the operator is warned, and how often. */
const warnMs = 60_000;
const warnAgainMs = 3_600_000;
/**
 * How many steps are remembered; when the oldest is forgotten, ages from before it become inexact.
 */
const maxPoints = 64;

/** Options of a log's clock. */
export interface LogClockOptions {
  /** The machine's clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /** A clock that nobody sets, in milliseconds. Default `performance.now`. */
  readonly ticks?: () => number;
  /** Called when the machine's clock and the log disagree. Default: nothing is logged. */
  readonly logger?: Logger | undefined;
}

/** What the log's time was when that much time had passed. */
interface Point {
  elapsed: number;
  readonly time: number;
}

/** A step of the log's time that does not make anything older yet. */
interface Step {
  /** The first point after it. */
  readonly point: Point;
  readonly size: number;
  /** In ticks. */
  readonly since: number;
}

/** The time of a log, see the top of this file. */
export class LogClock {
  readonly #now: () => number;
  readonly #ticks: () => number;
  readonly #logger: Logger | undefined;
  /** The log's time. */
  #time: number;
  /** How much time has passed since the first point. */
  #elapsed = 0;
  #lastTicks: number;
  /**
   * The points at which the log's time did not advance as time passed; linear between them. At
   * least one.
   */
  #points: Point[];
  #steps: Step[] = [];
  /** The machine's clock is ahead: by how much of the ticks, and since when. */
  #doubted: { readonly offset: number; readonly since: number } | undefined;
  #isAhead = false;
  #isStarted = false;
  #warnedAt: number | undefined;

  constructor({ now, ticks, logger }: LogClockOptions = {}) {
    // Looked up at each call, because tests set Date.now.
    this.#now = now ?? (() => Date.now());
    this.#ticks = ticks ?? (() => performance.now());
    this.#logger = logger;
    this.#time = this.#now();
    this.#lastTicks = this.#ticks();
    this.#points = [{ elapsed: 0, time: this.#time }];
  }

  /**
   * Begins after the time of the log's newest message, or 0 if there never was one. Called once.
   */
  start(newest: number): void {
    if (this.#isStarted) {
      return;
    }
    this.#isStarted = true;
    const now = this.#now();
    this.#lastTicks = this.#ticks();
    this.#elapsed = 0;
    this.#time = newest === 0 ? now : newest;
    this.#points = [{ elapsed: 0, time: this.#time }];
    this.#steps = [];
    this.#doubted = undefined;
    this.#isAhead = false;
    if (now - this.#time > trustedStepMs) {
      this.#step(now);
    }
    this.#advance();
  }

  /**
   * The log's time in whole milliseconds: the `sent_at` of a message stored now. Never goes back.
   */
  now(): number {
    this.#advance();
    return Math.floor(this.#time);
  }

  /**
   * The time to use as "now" when an age is compared: a message whose `sent_at` is less than
   * `nowFor(age) - age` is older than that age.
   */
  nowFor(ageMs: number): number {
    this.#advance();
    return this.#timeAt(this.#elapsed - ageMs) + ageMs;
  }

  #advance(): void {
    const now = this.#now();
    const ticks = this.#ticks();
    const passed = ticks - this.#lastTicks;
    this.#lastTicks = ticks;
    const expected = this.#time + passed;
    if (now > expected + trustedStepMs) {
      this.#setAhead(false);
      this.#pass(passed, passed);
      this.#doubt(now, ticks);
    } else {
      this.#doubted = undefined;
      if (now >= this.#time - standMs) {
        this.#setAhead(false);
        const step = Math.max(0, now - this.#time);
        this.#pass(step, step);
      } else {
        this.#setAhead(true);
        this.#pass(passed * aheadRate, passed);
      }
    }
    this.#countSteps(now, ticks);
    this.#warn(now, ticks);
  }

  #pass(time: number, elapsed: number): void {
    this.#time += time;
    this.#elapsed += elapsed;
  }

  /** The machine's clock is far ahead: it is followed once this has lasted for a while. */
  #doubt(now: number, ticks: number): void {
    const offset = now - ticks;
    if (this.#doubted === undefined || Math.abs(offset - this.#doubted.offset) > trustedStepMs) {
      this.#doubted = { offset, since: ticks };
    }
    const { since } = this.#doubted;
    if (ticks - since >= stampAfterMs) {
      this.#doubted = undefined;
      this.#step(now, since);
    }
  }

  /** The log's time follows the machine's at once. Nothing becomes older by that yet. */
  #step(now: number, since = this.#lastTicks): void {
    const size = now - this.#time;
    this.#mark();
    this.#time = now;
    this.#steps.push({ point: this.#mark(), size, since });
  }

  #setAhead(isAhead: boolean): void {
    if (isAhead !== this.#isAhead) {
      this.#isAhead = isAhead;
      this.#mark();
    }
  }

  #mark(): Point {
    const point = { elapsed: this.#elapsed, time: this.#time };
    this.#points.push(point);
    if (this.#points.length > maxPoints) {
      this.#points.shift();
    }
    return point;
  }

  /**
   * What was before a step becomes older by it once it has lasted, or never, if the clock went
   * back.
   */
  #countSteps(now: number, ticks: number): void {
    if (this.#steps.length === 0) {
      return;
    }
    this.#steps = this.#steps.filter(({ point, size, since }) => {
      if (this.#time - now > size / 2) {
        return false;
      }
      if (ticks - since < ageAfterMs) {
        return true;
      }
      for (const before of this.#points.slice(0, Math.max(0, this.#points.indexOf(point)))) {
        before.elapsed -= size;
      }
      return false;
    });
  }

  /** What the log's time was when that much time had passed. */
  #timeAt(elapsed: number): number {
    let next: Point = { elapsed: this.#elapsed, time: this.#time };
    for (let i = this.#points.length - 1; i >= 0; i--) {
      const point = this.#points[i]!;
      if (point.elapsed <= elapsed) {
        const length = next.elapsed - point.elapsed;
        const part = length > 0 ? (elapsed - point.elapsed) / length : 0;
        return point.time + part * (next.time - point.time);
      }
      next = point;
    }
    return next.time - (next.elapsed - elapsed);
  }

  #warn(now: number, ticks: number): void {
    const ahead = now - this.#time;
    if (Math.abs(ahead) <= warnMs) {
      if (this.#warnedAt !== undefined) {
        this.#warnedAt = undefined;
        this.#logger?.info({}, "the machine's clock and the log agree again");
      }
      return;
    }
    if (this.#warnedAt !== undefined && ticks - this.#warnedAt < warnAgainMs) {
      return;
    }
    this.#warnedAt = ticks;
    this.#logger?.warn(
      { clock: new Date(now).toISOString(), log: new Date(this.#time).toISOString() },
      ahead > 0
        ? "the machine's clock is ahead of the log: if it stays so, sent_at follows it in a " +
            "minute, the ages of messages and ids in ten"
        : "the machine's clock is behind the log: sent_at continues from the newest message, a " +
            "tenth slower than the clock until that has caught up",
    );
  }
}
