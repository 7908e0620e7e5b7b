import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { openLevelLog } from "../../src/server/log/level-log.js";
import { post, readAll, requireAll, texts } from "../support/log-messages.js";
import { startPoster } from "../support/log-process.js";
import { tempDir } from "../support/temp-dir.js";

test("a file that may grow no further stops posts, then they go on, and none is lost", async () => {
  const dir = tempDir();
  // LevelDB's own log reaches 1 MiB before it would begin another one at 4 MiB.
  const poster = startPoster(dir, {
    wrap: ["bash", "-c", 'ulimit -f 1024; exec "$@"', "bash"],
    env: { POSTER_BYTES: "10000", POSTER_WRITERS: "4" },
  });
  await poster.line(/^failed Unavailable/);
  const before = poster.lines.length;
  await expect
    .poll(() => poster.lines.slice(before).some((line) => line.startsWith("ok ")), {
      timeout: 20_000,
    })
    .toBe(true);
  await sleep(100);
  await poster.kill();
  const answered = poster.lines
    .filter((line) => line.startsWith("ok "))
    .map((line) => line.slice(3));
  const log = await openLevelLog({ dir });
  const stored = await texts(log);
  await log.close();
  const there = new Set(stored);
  expect(there.size).toBe(stored.length);
  expect(answered.filter((text) => !there.has(text))).toEqual([]);
}, 60_000);

/** A file system of 16 MiB, or undefined where only an ordinary user runs. */
function smallDisk(): string | undefined {
  const dir = join(tempDir(), "disk");
  mkdirSync(dir);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "chatter-test", dir], {
      stdio: "ignore",
    });
  } catch {
    return undefined;
  }
  onTestFinished(() => {
    execFileSync("umount", ["-l", dir]);
  });
  return dir;
}

test("a full disk stops posts but not readers; with space again all goes on", async ({ skip }) => {
  const dir = smallDisk();
  if (dir === undefined) {
    expect(requireAll, "this machine cannot mount a tmpfs").toBe(false);
    skip("no tmpfs can be mounted here: run as root");
  }
  const ballast = join(dir!, "ballast");
  execFileSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=1M", "count=4"], { stdio: "ignore" });
  const log = await openLevelLog({ dir: join(dir!, "log") });
  onTestFinished(() => log.close());
  const answered: string[] = [];
  const fill = async () => {
    for (let i = 0; i < 1000; i++) {
      const text = `${answered.length} `.padEnd(60_000, "x");
      const { error } = await log.append([post(text, `id${answered.length}`)]);
      if (error !== undefined) {
        return error;
      }
      answered.push(text);
    }
    throw new Error("the disk does not fill up");
  };
  expect((await fill()).code).toBe(Code.Unavailable);
  expect(log.writeFault?.code).toBe(Code.Unavailable);
  const { head } = log;
  expect(head).toBe(answered.length);
  expect((await log.append([post("more")])).error?.code).toBe(Code.Unavailable);
  // From memory near the head, from the disk further back, and while it tries to reopen.
  await sleep(300);
  expect(await texts(log, head - 1)).toEqual(answered.slice(-1));
  expect(await texts(log, 0)).toEqual(answered);

  execFileSync("rm", [ballast]);
  await expect.poll(() => log.writeFault, { timeout: 20_000 }).toBeUndefined();
  const after = await log.append([post("after"), post(answered[3]!, "id3")]);
  expect(after.error).toBeUndefined();
  expect(after.positions[1]?.sequence).toBe(4);
  const stored = await readAll(log, 0);
  expect(stored.slice(0, answered.length).map(({ message }) => message)).toEqual(answered);
  expect(stored.at(-1)?.message).toBe("after");
}, 60_000);
