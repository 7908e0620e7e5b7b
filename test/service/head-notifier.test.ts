import { expect, test } from "vitest";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import { RoomSelection } from "../../src/server/rooms/room-selection.js";
import { HeadNotifier, type RoomListener } from "../../src/server/service/reading/head-notifier.js";
import { post } from "../support/log-messages.js";

/** One who sleeps, and says where it was woken. */
function sleeper(...rooms: string[]): RoomListener & { readonly woken: number[] } {
  const woken: number[] = [];
  return {
    rooms: RoomSelection.of(rooms),
    isWaiting: true,
    after: 0,
    user: "goa",
    lateUntil: 0,
    woken,
    wake: (after) => void woken.push(after),
    fail() {},
  };
}

const to = (room: string) => ({ ...post("hi"), room });

test("who sleeps in a quiet room has everything up to its first new message, also before it is woken", async () => {
  const log = createMemoryLog();
  const notifier = new HeadNotifier(log);
  const sleepers = Array.from({ length: 1000 }, () => sleeper("quiet"));
  for (const one of sleepers) {
    notifier.join(one);
  }
  await log.append([to("busy"), to("busy"), to("busy")]);
  expect(notifier.placeOf(sleepers[0]!)).toBe(3);
  await log.append([to("quiet"), to("busy")]);
  // Some are woken by now, and the others in later turns: none has the fourth for certain.
  expect(sleepers.map((one) => notifier.placeOf(one))).toEqual(sleepers.map(() => 3));
  const last = sleepers.at(-1)!;
  while (last.woken.length === 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(sleepers.map(({ woken }) => woken)).toEqual(sleepers.map(() => [3]));
  await log.close();
});

test("who is woken by a log that cannot tell what came has everything up to there", async () => {
  const log = createMemoryLog();
  const notifier = new HeadNotifier(log);
  const one = sleeper("quiet");
  notifier.join(one);
  await log.append([to("busy"), to("busy")]);
  notifier.moved(undefined);
  await Promise.resolve();
  expect(one.woken).toEqual([2]);
  await log.close();
});

test("each is woken once for all that one move has of its rooms", async () => {
  const log = createMemoryLog();
  const notifier = new HeadNotifier(log);
  const some = [
    sleeper("a", "b"),
    sleeper("a/*"),
    sleeper("a/b/*", "a"),
    sleeper("*"),
    sleeper("c"),
  ];
  for (const one of some) {
    notifier.join(one);
  }
  await log.append(["x", "a", "b", "a", "a/b", "a/b/c", "a/b"].map(to));
  await Promise.resolve();
  expect(some.map(({ woken }) => woken)).toEqual([[1], [4], [1], [0], []]);
  await log.close();
});
