import { expect, test } from "vitest";
import { outputOf } from "../support/program-output.js";

const heap = new URL("../../src/server/program/heap.ts", import.meta.url).href;

/**
 * Makes objects much of which survives, turn by turn, and prints how many MiB the young generation
 * has in the end.
 */
const program = `
  import { setImmediate as turn } from "node:timers/promises";
  import { getHeapSpaceStatistics } from "node:v8";
  import { limitYoungGeneration } from ${JSON.stringify(heap)};

  limitYoungGeneration();
  const kept = [];
  const sizes = [];
  for (let i = 0; i < 4_000_000; i++) {
    kept[i % 1_000_000] = { i, list: [i] };
    if (i % 1_000 === 0) {
      await turn();
      const young = getHeapSpaceStatistics().find((space) => space.space_name === "new_space");
      sizes.push(young.space_used_size + young.space_available_size);
    }
  }
  // While it is collected, it may have more for a moment.
  const last = sizes.slice(sizes.length / 2).sort((a, b) => a - b);
  process.stdout.write(String(Math.round(last[last.length >> 1] / 2 ** 20)));
`;

test("the young generation grows to 16 MiB, and no further", () => {
  expect(outputOf(program)).toBe(16);
});

test("an option of Node sets another size", () => {
  expect(outputOf(program, ["--max-semi-space-size=32"])).toBeGreaterThan(24);
});
