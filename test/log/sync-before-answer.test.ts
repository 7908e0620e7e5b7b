import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { requireAll } from "../support/log-messages.js";
import { startPoster } from "../support/log-process.js";
import { tempDir } from "../support/temp-dir.js";

function hasStrace(): boolean {
  try {
    execFileSync("strace", ["-V"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

test("every answer waits for the disk", async ({ skip }) => {
  if (!hasStrace()) {
    expect(requireAll, "this machine has no strace").toBe(false);
    skip("no strace here");
  }
  const dir = tempDir();
  const trace = join(dir, "trace");
  const poster = startPoster(join(dir, "log"), {
    wrap: ["strace", "-f", "-qq", "-e", "trace=fdatasync,fsync,write", "-s", "12", "-o", trace],
    env: { POSTER_WRITERS: "1", POSTER_COUNT: "50" },
  });
  await poster.line(/^closed/);
  // One writer, one message at a time: between two answers lies a sync that has succeeded.
  const events = readFileSync(trace, "utf8")
    .split("\n")
    .flatMap((line) =>
      /write\(\d+, "ok /.test(line)
        ? ["answer"]
        : /(fdatasync|fsync)(\(| resumed).*= 0$/.test(line)
          ? ["sync"]
          : [],
    );
  expect(events.filter((event) => event === "answer")).toHaveLength(50);
  const answers = events.flatMap((event, i) => (event === "answer" ? [i] : []));
  expect(answers.filter((i) => events[i - 1] !== "sync")).toEqual([]);
}, 60_000);
