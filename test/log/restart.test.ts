import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { ClassicLevel } from "classic-level";
import { expect, onTestFinished, test } from "vitest";
import { type LevelLogOptions, openLevelLog } from "../../src/server/log/level-log.js";
import { post, posts, readAll, texts } from "../support/log-messages.js";
import { tempDir } from "../support/temp-dir.js";

async function opened(options: LevelLogOptions) {
  const log = await openLevelLog(options);
  onTestFinished(() => log.close());
  return log;
}

test("messages, identity, head and ids are there again after a restart", async () => {
  const dir = tempDir();
  let log = await opened({ dir });
  const { identity } = log;
  const [first] = (await log.append([post("one", "1"), post("two"), ...posts(2000)])).positions;
  const before = await readAll(log);
  await log.close();

  log = await opened({ dir });
  expect([log.identity, log.first, log.head]).toEqual([identity, 1, 2002]);
  expect(await readAll(log)).toEqual(before);
  const again = await log.append([post("one", "1"), post("three")]);
  expect(again.positions[0]).toEqual(first);
  expect(again.positions[1]!.sequence).toBe(2003);
  expect(again.positions[1]!.sentAt).toBeGreaterThanOrEqual(first!.sentAt);
  expect((await log.append([post("other", "1")])).error?.code).toBe(Code.AlreadyExists);
});

test("a log that retention has emptied keeps its head over a restart", async () => {
  const dir = tempDir();
  const retention = { maxAgeMs: 0 };
  let log = await opened({ dir, retention });
  await log.append(posts(10));
  await expect.poll(() => log.first, { timeout: 10_000 }).toBe(11);
  await log.close();

  log = await opened({ dir });
  expect([log.first, log.head]).toEqual([11, 10]);
  expect(await log.read(10)).toBeUndefined();
  await expect(async () => log.read(9)).rejects.toMatchObject({ code: Code.OutOfRange });
  expect((await log.append([post("next")])).positions[0]?.sequence).toBe(11);
  expect(await texts(log)).toEqual(["next"]);
});

test("old ids leave the disk, and the window", async () => {
  const dir = tempDir();
  const dedupe = { windowMs: 100 };
  const log = await opened({ dir, dedupe });
  for (let i = 0; i < 5; i++) {
    await log.append([post("same", "1"), post(`text ${i}`, `own-${i}`)]);
    await new Promise((resolve) => setTimeout(resolve, 120));
  }
  expect(log.head).toBe(10);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await log.close();
  const level = new ClassicLevel(join(dir, "messages"));
  const keys = await level.keys({ gte: "n", lt: "o" }).all();
  await level.close();
  expect(keys).toEqual([]);
});

test("readers come before the ids are read in, posts after", async () => {
  const dir = tempDir();
  let log = await opened({ dir });
  for (let i = 0; i < 20; i++) {
    await log.append(Array.from({ length: 1000 }, (_, j) => post("t", `${i}-${j}`)));
  }
  await log.close();
  log = await opened({ dir });
  const repeat = log.append([post("t", "0-0"), post("t", "19-999"), post("t", "7-7")]);
  expect(await log.read(0)).toMatchObject({ first: 1 });
  expect((await repeat).positions.map(({ sequence }) => sequence)).toEqual([1, 20_000, 7008]);
});
