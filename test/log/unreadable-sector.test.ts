import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { compiled } from "../support/compiled.js";
import { post, requireAll } from "../support/log-messages.js";
import { segmentsOf } from "../support/segments.js";
import { hasStrace } from "../support/strace.js";
import { tempDir } from "../support/temp-dir.js";

const reader = compiled("test/support/log-reader");

/** Reads a log in a process for which some reads of a file fail like those of a bad sector. */
function readWith(
  dir: string,
  path: string,
  when: string,
  { calls = "pread64", error = "EIO" } = {},
): string {
  const inject = `inject=${calls}:error=${error}:when=${when}`;
  const args = ["-f", "-qq", "-o", "/dev/null", "-P", path, "-e", `trace=${calls}`, "-e", inject];
  const { stdout } = spawnSync("strace", [...args, process.execPath, reader, dir], {
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
    encoding: "utf8",
  });
  return stdout.trim();
}

test("a sector that cannot be read takes the record it is in, and no process", async ({ skip }) => {
  if (!hasStrace()) {
    expect(requireAll, "this machine has no strace").toBe(false);
    skip("no strace here");
  }
  const dir = tempDir();
  const log = await openFileLog({ dir, segmentBytes: 300_000 });
  for (let i = 0; i < 12; i++) {
    await log.append([post("x".repeat(60_000))]);
  }
  await log.close();
  const [first, second] = segmentsOf(dir);
  expect(second).toBeDefined();
  // The header of the segment is read, then its first record: as a whole, and page by page.
  const ranges = readWith(dir, first!, "2..3");
  expect(ranges).toMatch(/^lost 1-1 2-/);
  expect(ranges).toMatch(/-12$/);
  // Nothing of the file can be read at all.
  expect(readWith(dir, first!, "1+")).toMatch(/^lost 1-[56] [67]-.*-12$/);
  // What the file system keeps of the file is damaged.
  for (const error of ["EIO", "EUCLEAN", "EBADMSG"]) {
    const calls = "statx,openat,pread64";
    expect(readWith(dir, first!, "1+", { calls, error })).toMatch(/^lost 1-[56] [67]-.*-12$/);
  }
});
