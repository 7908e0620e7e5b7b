import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import type { RetentionOptions } from "../../src/server/log/core/retention.js";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { post, posts, readAll, texts } from "../support/log-messages.js";
import { segmentsOf } from "../support/segments.js";
import { tempDir } from "../support/temp-dir.js";

async function opened(retention: RetentionOptions, dir = tempDir()) {
  const log = await openFileLog({ dir, retention });
  onTestFinished(() => log.close());
  return log;
}

const timeout = 10_000;

test("by count: this many of the newest are kept, whole records go", async () => {
  const log = await opened({ maxMessages: 25 });
  for (let i = 0; i < 10; i++) {
    await log.append(posts(10, `${i}`));
  }
  await expect.poll(() => log.first, { timeout }).toBe(71);
  expect((await texts(log))[0]).toBe("7 1");
});

test("by bytes: this many bytes of the newest are kept", async () => {
  const log = await opened({ maxBytes: 500_000 });
  for (let i = 0; i < 20; i++) {
    await log.append([post("x".repeat(50_000))]);
  }
  await expect.poll(() => log.first, { timeout }).toBe(11);
  expect(await readAll(log)).toHaveLength(10);
});

test("by age, also when nothing is posted any more", async () => {
  const log = await opened({ maxAgeMs: 600 });
  await log.append(posts(10));
  await new Promise((resolve) => setTimeout(resolve, 500));
  await log.append([post("young")]);
  await expect.poll(() => log.first, { timeout, interval: 10 }).toBe(11);
  expect(await texts(log)).toEqual(["young"]);
  await expect.poll(() => log.first, { timeout }).toBe(12);
  expect(log.head).toBe(11);
});

test("a limit that is set on an old log is kept over the next restarts", async () => {
  const dir = tempDir();
  const before = await opened({}, dir);
  for (let i = 0; i < 300; i++) {
    await before.append(posts(10));
  }
  await before.close();
  const log = await opened({ maxMessages: 100 }, dir);
  await expect.poll(() => log.first, { timeout }).toBe(2901);
  await log.close();
  const after = await opened({}, dir);
  expect([after.first, after.head]).toEqual([2901, 3000]);
  expect(await readAll(after)).toHaveLength(100);
});

test("a reader that is overtaken gets out_of_range, others continue, and so do writers", async () => {
  const log = await opened({ maxMessages: 2000 });
  await log.append(posts(10));
  while (log.first <= 1000) {
    expect((await log.append(posts(100))).error).toBeUndefined();
  }
  expect(log.first).toBeGreaterThan(1000);
  await expect(async () => log.read(10)).rejects.toMatchObject({ code: Code.OutOfRange });
  expect((await readAll(log)).length).toBeGreaterThanOrEqual(2000);
});

test("files that cannot be removed are reported once, and stop no posts", async () => {
  const dir = tempDir();
  const warnings: string[] = [];
  const warn = (_: object, text: string) => warnings.push(text);
  const logger = { info() {}, warn, error: warn };
  const log = await openFileLog({ dir, logger, segmentBytes: 200, retention: { maxMessages: 2 } });
  onTestFinished(() => log.close());
  // Where the ids of the second file are to be kept.
  const inTheWay = join(dir, "messages", "00000002.ids");
  mkdirSync(join(inTheWay, "sub"), { recursive: true });
  for (let i = 0; i < 9; i++) {
    await log.append([post(`text ${i}`, `id ${i}`)]);
  }
  await expect.poll(() => warnings, { timeout }).toHaveLength(1);
  expect(warnings[0]).toContain("cannot be removed yet");
  expect(log.first).toBe(8);
  expect((await log.append([post("more")])).error).toBeUndefined();
  expect(segmentsOf(dir).length).toBeGreaterThan(8);
  rmSync(inTheWay, { recursive: true });
  await expect.poll(() => segmentsOf(dir).length, { timeout }).toBeLessThanOrEqual(4);
  expect(log.writeFault).toBeUndefined();
  expect(warnings).toHaveLength(1);
});
