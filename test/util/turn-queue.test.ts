import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { TurnQueue } from "../../src/server/util/turn-queue.js";
import { outputOf } from "../support/program-output.js";

const turnQueue = new URL("../../src/server/util/turn-queue.ts", import.meta.url).href;

const MiB = 1024 * 1024;

/** Delivers 40 MB, collecting what is young now and then, and prints how many bytes are kept. */
const program = `
  import { setImmediate as turn } from "node:timers/promises";
  import { TurnQueue } from ${JSON.stringify(turnQueue)};

  const perTurn = 100;
  let delivered = 0;
  const queue = new TurnQueue(perTurn, ({ length }) => {
    delivered += length > 0 ? 1 : 0;
  });
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
  gc(); // Twice: the first may leave something young.
  gc(); // Whatever the queue has now is old.
  await turn();
  const before = process.memoryUsage().heapUsed;
  for (let round = 0; round < 50; round++) {
    await deliver();
  }
  gc({ type: "minor" });
  gc({ type: "minor" });
  const kept = process.memoryUsage().heapUsed - before;
  process.stdout.write(JSON.stringify({ turns: delivered / perTurn, kept }));
`;

test("what was delivered is garbage that a minor collection removes", () => {
  // In a young generation that is large from the start, nothing is promoted for lack of room.
  const young = ["--min-semi-space-size=16", "--max-semi-space-size=16"];
  const found = outputOf(program, [...young, "--expose-gc"]) as { turns: number; kept: number };
  expect(found.turns).toBe(52);
  expect(found.kept).toBeLessThan(13 * MiB);
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
