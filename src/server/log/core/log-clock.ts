import type { Logger } from "../../util/logger.js";

/*
 * A log needs the time for two things: `sent_at` of a message, which never goes back, and
 * ages, by which messages and ids are removed. The machine's clock serves neither: one
 * moment in which it is wrong would be in the log for good.
 *
 * So the log has a time of its own. It is the machine's as long as that goes on as clocks do.
 * A step of more than a minute ahead has to last before it counts: one minute for `sent_at`,
 * ten for ages, since what they remove does not come back. Behind the log, the machine's
 * clock is waited for: the log's time goes on a tenth slower meanwhile.
 *
 * Ages are measured by a clock that nobody sets. What was stored before the start has the
 * age that the log's own times say, and the time in between counts as a step does.
 */

/** How far ahead the machine's clock may step and be believed at once. */
const trustedStepMs = 60_000;
/** How long a larger step must last before messages are stamped with it. */
const stampAfterMs = 60_000;
/** How long it must last before anything is older by it. */
const ageAfterMs = 600_000;
/** How far the machine's clock may step back so that the log's time just stands for that long. */
const standMs = 1000;
/** How fast the log's time goes while it is further ahead. */
const aheadRate = 0.9;
/** From what difference on the operator is warned, and how often. */
const warnMs = 60_000;
const warnAgainMs = 3_600_000;
/** Steps that are remembered; forgetting the oldest makes ages from before it inexact. */
const maxPoints = 64;

/** Options of a log's clock. */
export interface LogClockOptions {
  /** The machine's clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /** A clock that nobody sets, in milliseconds. Default `performance.now`. */
  readonly ticks?: () => number;
  /** Warned when the machine's clock and the log disagree. Default: nobody. */
  readonly logger?: Logger | undefined;
}

/** Where the log's time stood when that much time had passed. */
interface Point {
  elapsed: number;
  readonly time: number;
}

/** A step of the log's time that nothing is older by yet. */
interface Step {
  /** The first point after it. */
  readonly point: Point;
  readonly size: number;
  /** In ticks. */
  readonly since: number;
}

/** The time of a log, see above. */
export class LogClock {
  readonly #now: () => number;
  readonly #ticks: () => number;
  readonly #logger: Logger | undefined;
  /** The log's time. */
  #time: number;
  /** How much time has passed for it since the first point. */
  #elapsed = 0;
  #lastTicks: number;
  /** Where the log's time did not go on as time passed: linear between. At least one. */
  #points: Point[];
  #steps: Step[] = [];
  /** The machine's clock is ahead: by how much of the ticks, and since when. */
  #doubted: { readonly offset: number; readonly since: number } | undefined;
  #isAhead = false;
  #isStarted = false;
  #warnedAt: number | undefined;

  constructor({ now, ticks, logger }: LogClockOptions = {}) {
    // Looked up at each call: tests set Date.now.
    this.#now = now ?? (() => Date.now());
    this.#ticks = ticks ?? (() => performance.now());
    this.#logger = logger;
    this.#time = this.#now();
    this.#lastTicks = this.#ticks();
    this.#points = [{ elapsed: 0, time: this.#time }];
  }

  /** Begins after the time of the log's newest message, 0 if there never was one; once. */
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

  /** The log's time in whole milliseconds: `sent_at` of what it takes now. Never goes back. */
  now(): number {
    this.#advance();
    return Math.floor(this.#time);
  }

  /**
   * What now has to be taken for where an age is compared: what has a `sent_at` of less than
   * `nowFor(age) - age` is older than that.
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

  /** The machine's clock is far ahead: it is followed when it has been so for a while. */
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

  /** The log's time follows the machine's at once. Nothing is older by that yet. */
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

  /** What was before a step becomes older by it, when it has lasted; or never, if it was none. */
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

  /** Where the log's time stood when that much time had passed. */
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
