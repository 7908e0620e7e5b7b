import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { openLevelLog } from "../../src/server/log/level-log.js";
import type { RetentionOptions } from "../../src/server/log/retention.js";
import { post, posts, readAll, texts } from "../support/log-messages.js";
import { tempDir } from "../support/temp-dir.js";

async function opened(retention: RetentionOptions, dir = tempDir()) {
  const log = await openLevelLog({ dir, retention });
  onTestFinished(() => log.close());
  return log;
}

const timeout = 10_000;

test("by count: so many of the newest are kept, whole records go", async () => {
  const log = await opened({ maxMessages: 25 });
  for (let i = 0; i < 10; i++) {
    await log.append(posts(10, `${i}`));
  }
  await expect.poll(() => log.first, { timeout }).toBe(71);
  expect((await texts(log))[0]).toBe("7 1");
});

test("by bytes: so many bytes of the newest are kept", async () => {
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

test("a reader that is overtaken gets out_of_range, others go on; writers are not held up", async () => {
  const log = await opened({ maxMessages: 2000 });
  await log.append(posts(10));
  let longest = 0;
  const end = Date.now() + 1300;
  while (Date.now() < end) {
    const start = performance.now();
    expect((await log.append(posts(100))).error).toBeUndefined();
    longest = Math.max(longest, performance.now() - start);
  }
  expect(log.first).toBeGreaterThan(1000);
  await expect(async () => log.read(10)).rejects.toMatchObject({ code: Code.OutOfRange });
  expect((await readAll(log)).length).toBeGreaterThanOrEqual(2000);
  expect(longest).toBeLessThan(1000);
});
