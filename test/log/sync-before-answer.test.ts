import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { requireAll } from "../support/log-messages.js";
import { startPoster } from "../support/log-process.js";
import { hasStrace } from "../support/strace.js";
import { tempDir } from "../support/temp-dir.js";

test("every answer waits for the disk", async ({ skip }) => {
  if (!hasStrace()) {
    expect(requireAll, "this machine has no strace").toBe(false);
    skip("no strace here");
  }
  const dir = tempDir();
  const trace = join(dir, "trace");
  const poster = startPoster(join(dir, "log"), {
    wrap: [
      "strace",
      "-f",
      "-qq",
      "-e",
      "trace=openat,close,fdatasync,fsync,write,pwrite64",
      "-s",
      "12",
      "-o",
      trace,
    ],
    env: { POSTER_WRITERS: "1", POSTER_COUNT: "50" },
  });
  await poster.line(/^closed/);
  // One writer, one message at a time: between two answers there is a successful write to the disk:
  // to a file that was opened with O_DSYNC, or with a sync after it.
  const durable = new Set<string>();
  const events: string[] = [];
  for (const line of readFileSync(trace, "utf8").split("\n")) {
    const opened = /openat\(.*messages\/\d+\.seg", [\w|]*O_DSYNC.*\) = (\d+)$/.exec(line);
    const written = /pwrite64\((\d+), .*(?:\) = \d+|<unfinished)/.exec(line);
    if (opened !== null) {
      durable.add(opened[1]!);
    } else if (/write\(\d+, "ok /.test(line)) {
      events.push("answer");
    } else if (/(fdatasync|fsync)(\(| resumed).*= 0$/.test(line)) {
      events.push("sync");
    } else if (written !== null && durable.has(written[1]!)) {
      events.push("sync");
    }
  }
  expect(events.filter((event) => event === "answer")).toHaveLength(50);
  const answers = events.flatMap((event, i) => (event === "answer" ? [i] : []));
  expect(answers.filter((i) => events[i - 1] !== "sync")).toEqual([]);
}, 60_000);
