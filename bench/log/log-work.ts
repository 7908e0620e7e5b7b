/*
 * One piece of work on the log in a folder, in a process of its own: `node log-work.js NAME DIR
 * [COUNT]`. Prints its results as JSON.
 */

import { openFileLog } from "../../src/server/log/file/file-log.js";
import type { MessageLog } from "../../src/server/log/message-log.js";
import { RoomSelection } from "../../src/server/rooms/room-selection.js";

/** Number of messages in flight while a log is filled. */
const filledAtOnce = 1024;

/** Number of rooms that a reader of many follows. */
const followedRooms = 1000;
/** Number of messages that it has missed. */
const missed = 10_000;

const text = "x".repeat(64);
const message = (room: string) => ({ text, sender: "bench", messageId: "", room });

/** The same numbers in each run. */
let seed = 1;
function random(below: number): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

const roomName = (number: number) => `room/${number}`;
const everyRoom = { rooms: RoomSelection.all, prefix: "" };

const works: Record<string, (log: MessageLog, count: number) => Promise<object>> = {
  /** Messages in random ones of 100,000 rooms, and every hundredth in one room. */
  async fill(log, count) {
    await post(log, count, (i) => (i % 100 === 0 ? "one" : roomName(random(100_000))));
    return { head: log.head };
  },

  /** Messages in 1,000 rooms in turn, and as many in one. */
  async fillFollowed(log, count) {
    await post(log, count, (i) => (i % 2 === 0 ? "one" : roomName((i >> 1) % followedRooms)));
    return { head: log.head };
  },

  async rooms(log) {
    const started = performance.now();
    const cpu = process.cpuUsage();
    let listed = 0;
    for (let after = ""; ; ) {
      const page = await log.rooms({ ...everyRoom, after, limit: 1000, since: log.head - 1000 });
      listed += page.length;
      if (page.length < 1000) {
        const { user, system } = process.cpuUsage(cpu);
        const cpuMs = (user + system) / 1000;
        return { rooms: listed, ms: performance.now() - started, cpuMs };
      }
      after = page.at(-1)!.room;
    }
  },

  async last50(log, count) {
    const times: number[] = [];
    const cpu = process.cpuUsage();
    for (let i = 0; i < count; i++) {
      const rooms = RoomSelection.of([i % 10 === 0 ? "one" : roomName(random(100_000))]);
      const started = performance.now();
      const after = await log.beforeLast(50, rooms);
      await read(log, rooms, after);
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    const at = (part: number) => times[Math.floor(part * (times.length - 1))]!;
    const { user, system } = process.cpuUsage(cpu);
    const cpuMs = (user + system) / 1000 / count;
    return { p50: at(0.5), p99: at(0.99), max: at(1), cpuMs };
  },

  async history(log) {
    const all = await timed(() => read(log, RoomSelection.all, 0));
    const one = await timed(() => read(log, RoomSelection.of(["one"]), 0));
    const again = await timed(() => read(log, RoomSelection.of(["one"]), 0));
    return { all, one, again };
  },

  async resume(log) {
    const followed = Array.from({ length: followedRooms }, (_, i) => roomName(i));
    const single = RoomSelection.of(["one"]);
    const many = RoomSelection.of(followed);
    const after = log.head - 2 * missed;
    await read(log, single, after);
    const found: object[] = [];
    for (let round = 0; round < 5; round++) {
      found.push({
        single: await timed(() => read(log, single, after)),
        many: await timed(() => read(log, many, after)),
      });
    }
    return { found };
  },

  /** 256 writers that each post when the previous message is answered. */
  async write(log, rooms) {
    const until = performance.now() + 3000;
    const cpu = process.cpuUsage();
    let posted = 0;
    const writer = async (number: number) => {
      for (let i = number; performance.now() < until; i += 256) {
        await log.append([message(rooms === 1 ? "one" : roomName(i % rooms))]);
        posted++;
      }
    };
    const started = performance.now();
    await Promise.all(Array.from({ length: 256 }, (_, i) => writer(i)));
    const { user, system } = process.cpuUsage(cpu);
    const perSecond = posted / ((performance.now() - started) / 1000);
    return { rooms, perSecond, cpuMicros: (user + system) / posted };
  },
};

async function post(log: MessageLog, count: number, roomOf: (i: number) => string): Promise<void> {
  for (let i = 0; i < count; i += filledAtOnce) {
    const calls = Array.from({ length: Math.min(filledAtOnce, count - i) }, (_, k) =>
      log.append([message(roomOf(i + k))]),
    );
    await Promise.all(calls);
  }
}

async function read(log: MessageLog, rooms: RoomSelection, after: number): Promise<number> {
  const through = log.head;
  let count = 0;
  for (let at = after; ; ) {
    const batch = await log.read(at, { rooms, through });
    if (batch === undefined) {
      return count;
    }
    count += batch.count;
    at = batch.last;
  }
}

async function timed(run: () => Promise<number>): Promise<object> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  const messages = await run();
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  return { messages, ms, cpuMs: (user + system) / 1000 };
}

const [, , name = "", dir = "", count = "1"] = process.argv;
const started = performance.now();
const cpuBefore = process.cpuUsage();
const log = await openFileLog({ dir, dedupe: { windowMs: 1000 } });
const openMs = performance.now() - started;
await log.idsBetween!(0, 0);
const readyMs = performance.now() - started;
const { user, system } = process.cpuUsage(cpuBefore);
const openCpuMs = (user + system) / 1000;
const rssMiB = process.memoryUsage.rss() / 2 ** 20;
const found = await works[name]!(log, Number(count));
const rssAfterMiB = process.memoryUsage.rss() / 2 ** 20;
process.stdout.write(JSON.stringify({ openMs, openCpuMs, readyMs, rssMiB, rssAfterMiB, ...found }));
await log.close();
