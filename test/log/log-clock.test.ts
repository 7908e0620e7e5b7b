import { expect, test } from "vitest";
import { LogClock } from "../../src/server/log/core/log-clock.js";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const noon = Date.UTC(2026, 0, 31, 12);

/** A machine whose clock can be set, and a log's clock on it. */
class Machine {
  readonly warnings: string[] = [];
  readonly clock: LogClock;
  #ticks = 5000;
  /** How far its clock is off. */
  off = 0;

  constructor(newest = 0, off = 0) {
    this.off = off;
    const say = (_: object, text: string) => {
      this.warnings.push(text);
    };
    this.clock = new LogClock({
      now: () => Math.floor(noon + this.#ticks - 5000 + this.off),
      ticks: () => this.#ticks,
      logger: { info: say, warn: say, error: say },
    });
    this.clock.start(newest);
  }

  /** Time passes; the log checks it each second, as its sweeper does. */
  pass(ms: number): void {
    for (const end = this.#ticks + ms; this.#ticks < end; ) {
      this.#ticks = Math.min(end, this.#ticks + second);
      this.clock.now();
    }
  }

  /** The log's time, from noon on. */
  get now(): number {
    return this.clock.now() - noon;
  }

  /** The log's time so long ago, from noon on. */
  ago(ms: number): number {
    return Math.round(this.clock.nowFor(ms) - ms - noon);
  }
}

test("the log's time is the machine's, which may be adjusted by a little", () => {
  const machine = new Machine();
  machine.pass(10 * second);
  expect([machine.now, machine.ago(4 * second)]).toEqual([10 * second, 6 * second]);
  machine.off = 50 * second;
  expect(machine.now).toBe(60 * second);
  machine.off = 49.5 * second;
  expect(machine.now).toBe(60 * second);
  machine.pass(second);
  expect(machine.now).toBe(60.5 * second);
  expect(machine.warnings).toEqual([]);
});

test("a clock that is ahead for some seconds changes nothing", () => {
  const machine = new Machine();
  machine.pass(hour);
  machine.off = day;
  machine.pass(2.5 * second);
  expect([machine.now, machine.ago(hour)]).toEqual([hour + 2.5 * second, 2.5 * second]);
  machine.off = 0;
  machine.pass(10 * minute);
  expect([machine.now, machine.ago(hour)]).toEqual([
    70 * minute + 2.5 * second,
    10 * minute + 2.5 * second,
  ]);
  expect(machine.warnings).toEqual([
    expect.stringContaining("ahead of the log"),
    expect.stringContaining("agree again"),
  ]);
});

test("a step ahead that lasts counts: for sent_at after a minute, for ages after ten", () => {
  const machine = new Machine();
  machine.pass(hour);
  machine.off = day;
  machine.pass(59 * second);
  expect(machine.now).toBe(hour + 59 * second);
  machine.pass(2 * second);
  expect(machine.now).toBe(day + hour + 61 * second);
  machine.pass(8 * minute);
  // What was taken just before the step is nine minutes old.
  expect(machine.ago(9 * minute + second)).toBe(hour);
  machine.pass(2 * minute);
  expect(machine.ago(day + 11 * minute + second)).toBe(hour);
  expect(machine.warnings).toHaveLength(2);
});

test("a clock that was ahead for minutes makes nothing older when it is set right", () => {
  const machine = new Machine();
  machine.pass(hour);
  machine.off = day;
  machine.pass(5 * minute);
  expect(machine.now).toBe(day + hour + 5 * minute);
  machine.off = 0;
  machine.pass(hour);
  // Never back; a tenth slower, until the machine's clock is there.
  expect(machine.now).toBe(day + hour + 5 * minute + 0.9 * hour);
  expect(machine.ago(65 * minute)).toBeGreaterThanOrEqual(hour - second);
  expect(machine.ago(65 * minute)).toBeLessThanOrEqual(hour + second);
  machine.pass(10 * day);
  expect(machine.now).toBe(10 * day + 2 * hour + 5 * minute);
  expect(machine.warnings.at(-1)).toContain("agree again");
});

test("a log whose newest message is ahead continues from that, and ages continue", () => {
  const machine = new Machine(noon + 13 * 365 * day);
  expect(machine.now).toBe(13 * 365 * day);
  machine.pass(hour);
  expect(machine.now).toBe(13 * 365 * day + 0.9 * hour);
  expect(machine.ago(hour)).toBe(13 * 365 * day);
  expect(machine.ago(2 * hour)).toBe(13 * 365 * day - hour);
  expect(machine.warnings[0]).toContain("behind the log");
});

test("the time before the start makes older when the clock has lasted for ten minutes", () => {
  const machine = new Machine(noon - day);
  expect([machine.now, machine.ago(hour)]).toEqual([0, -day - hour]);
  machine.pass(9 * minute);
  expect(machine.ago(hour)).toBe(-day - 51 * minute);
  machine.pass(2 * minute);
  expect(machine.ago(hour)).toBe(-49 * minute);
  expect(machine.warnings).toEqual([]);
});

test("a clock that is wrong at the start and then set right makes nothing older", () => {
  const machine = new Machine(noon - minute, 30 * day);
  machine.pass(5 * minute);
  machine.off = 0;
  machine.pass(hour);
  expect(machine.ago(66 * minute)).toBe(-2 * minute);
});

test("however often the clock is set, sent_at never goes back, and ages continue", () => {
  const machine = new Machine();
  let before = 0;
  for (let i = 0; i < 300; i++) {
    machine.off = [0, day, -day, hour, 3 * minute][i % 5]! + (i % 7) * minute;
    machine.pass((i % 3) * minute + 30 * second);
    const { now } = machine;
    expect(now).toBeGreaterThanOrEqual(before);
    before = now;
  }
  machine.off = 0;
  const { now } = machine;
  machine.pass(hour);
  expect(Math.abs(machine.ago(hour) - now)).toBeLessThanOrEqual(second);
});
