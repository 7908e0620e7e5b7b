import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { type FileLogOptions, openFileLog } from "../../src/server/log/file/file-log.js";
import { post, posts, readAll, texts } from "../support/log-messages.js";
import { change } from "../support/segments.js";
import { tempDir } from "../support/temp-dir.js";

async function opened(options: FileLogOptions) {
  const log = await openFileLog(options);
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

test("old ids leave the window, and the disk when retention takes their messages", async () => {
  const dir = tempDir();
  const options = { dir, dedupe: { windowMs: 100 }, retention: { maxMessages: 2 } };
  const log = await opened({ ...options, segmentBytes: 200 });
  for (let i = 0; i < 5; i++) {
    await log.append([post("same", "1"), post(`text ${i}`, `own-${i}`)]);
    await new Promise((resolve) => setTimeout(resolve, 120));
  }
  expect(log.head).toBe(10);
  const names = () => readdirSync(join(dir, "messages")).filter((name) => /(seg|ids)$/.test(name));
  await expect
    .poll(names, { timeout: 10_000 })
    .not.toContainEqual(expect.stringMatching(/^0000000[1-5]|ids$/));
  await log.close();
});

test("ids are remembered longer than retention keeps their messages", async () => {
  const dir = tempDir();
  const options = { dir, retention: { maxMessages: 1 }, segmentBytes: 200 };
  let log = await opened(options);
  for (let i = 0; i < 9; i++) {
    await log.append([post(`text ${i}`, `own-${i}`)]);
  }
  await expect.poll(() => log.first, { timeout: 10_000 }).toBe(9);
  await log.close();
  log = await opened(options);
  const again = await log.append([post("text 2", "own-2"), post("text 8", "own-8"), post("new")]);
  expect(again.positions.map(({ sequence }) => sequence)).toEqual([3, 9, 10]);
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

test.each<[string, number, boolean]>([
  ["in its header", 4096, true],
  ["as a whole", Number.POSITIVE_INFINITY, false],
])("kept ids whose file is damaged %s", async (_, damaged, areThere) => {
  const dir = tempDir();
  const errors: string[] = [];
  const logger = { info() {}, warn() {}, error: (_: object, text: string) => errors.push(text) };
  const options = { dir, segmentBytes: 200, logger, retention: { maxMessages: 1 } };
  let log = await opened(options);
  for (let i = 0; i < 9; i++) {
    await log.append([post(`text ${i}`, `own-${i}`)]);
  }
  await expect.poll(() => log.first, { timeout: 10_000 }).toBe(9);
  await log.close();
  const files = () => readdirSync(join(dir, "messages")).filter((name) => name.endsWith("ids"));
  for (const name of files()) {
    change(join(dir, "messages", name), (bytes) =>
      bytes.fill(0, 0, Math.min(damaged, bytes.length)),
    );
  }
  log = await opened(options);
  const { positions } = await log.append([post("text 2", "own-2")]);
  expect(positions[0]?.sequence).toBe(areThere ? 3 : 10);
  expect(errors.filter((text) => text.includes("message ids are damaged"))).toHaveLength(
    areThere ? 0 : 1,
  );
  await log.close();
  expect(files().length > 0).toBe(true);
  log = await opened({ ...options, dedupe: { windowMs: 1 } });
  await expect.poll(files, { timeout: 10_000 }).toEqual([]);
  await log.close();
});
