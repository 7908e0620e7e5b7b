import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Much of a test is waiting: on two cores the default, one worker, would leave one idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
