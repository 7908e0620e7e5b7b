import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const main = fileURLToPath(new URL("../../bench/main.ts", import.meta.url));

test.each([
  [["--nonsense"], "unknown option '--nonsense'"],
  [["--only", "replay,nothing"], 'There is no work "nothing"'],
  [["--only", "attacks,replay"], "attacks are run by themselves: leave replay out"],
  [["--rounds", "0"], "It must be 1 to 99"],
  [["--json", "/no/such/folder/results.json"], "no such file or directory"],
  [["--quick", "--only", "ingest-16"], "--quick has no pair of ingest-16"],
  [["--peers", "rust"], 'There are no peers "rust": only "go"'],
  [["replay"], "too many arguments"],
])("npm run bench -- %j is refused in a line, with status 2", (args, reason) => {
  expectRefusal(args, reason);
});

test("npm run bench -- --peers go without Go is refused in a line, with status 2", () => {
  expectRefusal(["--peers", "go"], "Go cannot be run: spawnSync go ENOENT", { PATH: "/nowhere" });
});

function expectRefusal(args: readonly string[], reason: string, env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", "tsx", main, ...args],
    { encoding: "utf8", env: { ...process.env, ...env } },
  );
  expect([status, stdout, stderr.trim().split("\n").length]).toEqual([2, "", 1]);
  expect(stderr).toContain(reason);
}
