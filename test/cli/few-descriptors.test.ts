import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cliEnv } from "../support/cli.js";
import { tempDir } from "../support/temp-dir.js";

// Windows has no such limit.
test.runIf(process.platform !== "win32").each([26, 34])(
  "a start with %d file descriptors ends with one line that says so",
  // From a checkout the compiler's own process may be what finds none left.
  { retry: 3 },
  (count) => {
    const args = ["serve", "--demo", "--port", "0", "--data-dir", join(tempDir(), "data")];
    const { status, stderr } = spawnSync(
      "sh",
      ["-c", `ulimit -n ${count}; exec "$@"`, "sh", process.execPath, "bin/chatter.js", ...args],
      { env: cliEnv(), encoding: "utf8", timeout: 60_000 },
    );
    expect(stderr).toBe("chatter: too many files are open: raise the limit (ulimit -n)\n");
    expect(status).toBe(1);
  },
);
