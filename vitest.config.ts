import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// The server refuses files that others may write, such as tests make where the group may by default.
process.umask(0o022);

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/support/compile.ts",
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Much of a test is waiting: on two cores the default, one worker, would leave most of them idle.
    maxWorkers: Math.max(3, availableParallelism()),
  },
});
