import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { TurnQueue } from "../../src/server/util/turn-queue.js";

setFlagsFromString("--expose-gc");
const gc: (options?: { type: "minor" }) => void = runInNewContext("gc");

const MiB = 1024 * 1024;

test("what was delivered is garbage that a minor collection removes", async () => {
  const perTurn = 100;
  let delivered = 0;
  const queue = new TurnQueue<number[]>(perTurn, ({ length }) => {
    delivered += length > 0 ? 1 : 0;
  });
  const deliver = async () => {
    for (let i = 0; i < perTurn; i++) {
      queue.add(new Array(1000).fill(i));
    }
    gc({ type: "minor" });
    await setImmediate();
  };
  await deliver();
  // A collection promotes some of what it finds alive, by chance: the least of several rounds counts.
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 5; attempt++) {
    for (let i = 0; i < perTurn; i++) {
      queue.add([i]);
    }
    gc(); // Whatever the queue has now is old.
    await setImmediate();
    const before = process.memoryUsage().heapUsed;
    for (let round = 0; round < 50; round++) {
      await deliver();
    }
    gc({ type: "minor" });
    gc({ type: "minor" });
    least = Math.min(least, process.memoryUsage().heapUsed - before);
  }
  expect(delivered).toBe((1 + 5 * 51) * perTurn);
  expect(least).toBeLessThan(12 * MiB);
});

test("items that are added while others are delivered come in later turns, in order", async () => {
  const delivered: number[] = [];
  const queue: TurnQueue<number> = new TurnQueue(2, (item) => {
    delivered.push(item);
    if (item === 1) {
      queue.flush();
      queue.add(5);
    }
  });
  for (const item of [1, 2, 3, 4]) {
    queue.add(item);
  }
  while (delivered.length < 5) {
    await setImmediate();
  }
  expect(delivered).toEqual([1, 2, 3, 4, 5]);
});
