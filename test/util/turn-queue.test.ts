import { execFileSync } from "node:child_process";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { TurnQueue } from "../../src/server/util/turn-queue.js";

const tsx = import.meta.resolve("tsx");
const turnQueue = new URL("../../src/server/util/turn-queue.ts", import.meta.url).href;

/** Delivers 40 MB, collecting what is young now and then, and prints how many MiB are kept. */
const program = `
  import { setImmediate as turn } from "node:timers/promises";
  import { TurnQueue } from ${JSON.stringify(turnQueue)};

  const perTurn = 100;
  const queue = new TurnQueue(perTurn, () => {});
  const deliver = async () => {
    for (let i = 0; i < perTurn; i++) {
      queue.add(new Array(1000).fill(i));
    }
    gc({ type: "minor" });
    await turn();
  };
  await deliver();
  for (let i = 0; i < perTurn; i++) {
    queue.add([i]);
  }
  gc(); // Whatever the queue has now is old.
  await turn();
  const before = process.memoryUsage().heapUsed;
  for (let round = 0; round < 50; round++) {
    await deliver();
  }
  gc({ type: "minor" });
  gc({ type: "minor" });
  process.stdout.write(String((process.memoryUsage().heapUsed - before) / 2 ** 20));
`;

test("what was delivered is garbage that a minor collection removes", () => {
  // In a young generation that is large from the start, nothing is promoted for lack of room.
  const young = ["--min-semi-space-size=16", "--max-semi-space-size=16"];
  const args = [...young, "--expose-gc", "--import", tsx, "--input-type=module", "--eval", program];
  const kept = Number(execFileSync(process.execPath, args, { encoding: "utf8" }));
  expect(kept).toBeLessThan(13);
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
