import { execFileSync, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import type { MessageLog } from "../../src/server/log/message-log.js";
import { post, readAll, texts } from "../support/log-messages.js";
import { startPoster } from "../support/log-process.js";
import { mountSmallDisk } from "../support/small-disk.js";
import { tempDir } from "../support/temp-dir.js";

test("a file that may grow no further stops posts, then they continue, and none is lost", async () => {
  const dir = tempDir();
  // A segment reaches 1 MiB before it is full.
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
  const log = await openFileLog({ dir });
  const stored = await texts(log);
  await log.close();
  const there = new Set(stored);
  expect(there.size).toBe(stored.length);
  expect(answered.filter((text) => !there.has(text))).toEqual([]);
}, 60_000);

test("a full disk stops posts but not readers; with space again all continues", async ({
  skip,
}) => {
  const dir = mountSmallDisk(16, skip);
  const ballast = join(dir, "ballast");
  execFileSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=1M", "count=4"], { stdio: "ignore" });
  let log = await openFileLog({ dir: join(dir, "log") });
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

  // As after a start: what did not fit has left the end of the log torn.
  await log.close();
  log = await openFileLog({ dir: join(dir, "log") });
  await expect.poll(() => log.writeFault?.code).toBe(Code.Unavailable);
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

/** Takes all free space, and prints a line when there is none. */
function fillUp(dir: string): void {
  spawnSync("dd", ["if=/dev/zero", `of=${join(dir, "ballast")}`, "bs=4k"], { stdio: "ignore" });
}

const segmentBytes = 1024 * 1024;

/** Fills a disk with messages of 60,000 bytes until no more are taken; the last sequence. */
async function fillWithMessages(disk: string, log: MessageLog): Promise<number> {
  while (log.writeFault === undefined) {
    for (let i = 0; i < 120 && log.writeFault === undefined; i++) {
      await log.append([post("x".padEnd(60_000), `${log.head}`)]);
    }
    fillUp(disk);
  }
  return log.head;
}

test("a full disk is freed by retention, and posts continue by themselves", async ({ skip }) => {
  const disk = mountSmallDisk(16, skip);
  const dir = join(disk, "log");
  const warnings: string[] = [];
  const warn = (fields: object, text: string) => warnings.push(`${text} ${JSON.stringify(fields)}`);
  const logger = { info() {}, warn, error: warn };
  const options = { dir, logger, segmentBytes, dedupe: { windowMs: 500 } };
  let log = await openFileLog({ ...options, retention: { maxAgeMs: 1500 } });
  onTestFinished(() => log.close());
  const head = await fillWithMessages(disk, log);
  await expect.poll(() => log.writeFault, { timeout: 30_000 }).toBeUndefined();
  expect(log.first).toBeGreaterThan(1);
  await expect(async () => log.read(0)).rejects.toMatchObject({ code: Code.OutOfRange });
  const { positions } = await log.append([post("after")]);
  expect(positions[0]?.sequence).toBe(head + 1);
  await log.close();

  // What was removed stays removed, and is not considered lost.
  const { first } = log;
  warnings.length = 0;
  log = await openFileLog(options);
  expect(log.first).toBeGreaterThanOrEqual(first);
  expect((await texts(log)).at(-1)).toBe("after");
  expect(warnings).toEqual([]);
}, 60_000);

test.for<[string, string[]]>([
  ["", []],
  [", where an older version has filled it", ["messages/head"]],
])(
  "a server that starts on a full disk with limits has it freed%s",
  { timeout: 60_000 },
  async ([, missing], { skip }) => {
    const disk = mountSmallDisk(16, skip);
    const dir = join(disk, "log");
    const before = await openFileLog({ dir, segmentBytes });
    const head = await fillWithMessages(disk, before);
    await before.close();
    for (const name of missing) {
      rmSync(join(dir, name));
    }
    fillUp(disk);
    const retention = { maxBytes: 4 * segmentBytes };
    const log = await openFileLog({ dir, segmentBytes, retention, dedupe: { windowMs: 500 } });
    onTestFinished(() => log.close());
    await expect.poll(() => log.first, { timeout: 30_000 }).toBeGreaterThan(1);
    // The first attempt to record the beginning may have space, or not.
    const append = async () => (await log.append([post("after", "after")])).positions[0]?.sequence;
    await expect.poll(append, { timeout: 30_000 }).toBe(head + 1);
    expect(await texts(log)).toHaveLength(head + 2 - log.first);
  },
);
