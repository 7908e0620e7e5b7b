import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { compiled } from "../support/compiled.js";

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
  expectRefusal("main", args, reason);
});

test.each([
  ["cluster", ["--rounds", "1"], "unknown option '--rounds'"],
  ["log", ["cluster"], "too many arguments"],
])("bench/%s.ts %j is refused in a line, with status 2", (name, args, reason) => {
  expectRefusal(name, args, reason);
});

test("bench/cluster.ts without nats-server is refused in a line, with status 2", () => {
  const reason = "nats-server cannot be run: spawnSync nats-server ENOENT";
  expectRefusal("cluster", [], reason, { PATH: "/nowhere" });
});

test("npm run bench -- --peers go without Go is refused in a line, with status 2", () => {
  expectRefusal("main", ["--peers", "go"], "Go cannot be run: spawnSync go ENOENT", {
    PATH: "/nowhere",
  });
});

function expectRefusal(
  name: string,
  args: readonly string[],
  reason: string,
  env: NodeJS.ProcessEnv = {},
) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [compiled(`bench/${name}`), ...args],
    { encoding: "utf8", env: { ...process.env, ...env } },
  );
  expect([status, stdout, stderr.trim().split("\n").length]).toEqual([2, "", 1]);
  expect(stderr).toContain(reason);
}
