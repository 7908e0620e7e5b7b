import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { compiledModules } from "./test/support/compiled-modules.js";

// The server refuses files that others may write, such as tests make where the group may by default.
process.umask(0o022);

/** Tests that put something else in place of a module of `src`. */
const mocking = "test/**/*.mocking.test.ts";

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 20_000 } },
    setupFiles: "test/support/set-up.ts",
    // Much of a test is waiting: with a worker for each of two cores, they would be idle half the time.
    maxWorkers: Math.max(4, availableParallelism()),
    projects: [
      {
        extends: true,
        plugins: [compiledModules()],
        test: {
          name: "compiled",
          include: ["test/**/*.test.ts"],
          exclude: [mocking],
          globalSetup: "test/support/compile.ts",
          // Files share the modules that a worker has loaded: loading took a third of all time.
          isolate: false,
        },
      },
      { extends: true, test: { name: "mocking", include: [mocking] } },
    ],
  },
});
