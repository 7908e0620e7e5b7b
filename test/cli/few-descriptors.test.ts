import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { chatterBin, cliEnv } from "../support/cli.js";
import { tempDir } from "../support/temp-dir.js";

// Node itself needs 20. Windows has no such limit.
test.runIf(process.platform !== "win32").each([22, 24])(
  "a start with %d file descriptors ends with one line that says so",
  (count) => {
    // As it is installed: in a checkout, the compiler is what finds none left.
    const installed = tempDir();
    cpSync("bin", join(installed, "bin"), { recursive: true });
    mkdirSync(join(installed, "dist"));
    symlinkSync(dirname(chatterBin), join(installed, "dist", "command"));
    const chatter = join(installed, "bin", "chatter.js");
    const args = ["serve", "--demo", "--port", "0", "--data-dir", join(installed, "data")];
    const { status, stderr } = spawnSync(
      "sh",
      ["-c", `ulimit -n ${count}; exec "$@"`, "sh", process.execPath, chatter, ...args],
      { env: cliEnv(), encoding: "utf8", timeout: 60_000 },
    );
    // What needs the one that is missing may say so first.
    expect(stderr).toMatch(
      /^chatter: (.*: )?too many files are open: raise the limit \(ulimit -n\)\n$/,
    );
    expect(status).toBe(1);
  },
);
