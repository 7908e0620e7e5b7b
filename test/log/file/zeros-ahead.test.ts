import { cpSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openFileLog } from "../../../src/server/log/file/file-log.js";
import { post, texts } from "../../support/log-messages.js";
import { itemsOf, segmentsOf } from "../../support/segments.js";
import { tempDir } from "../../support/temp-dir.js";

test("short commits do not change the size of their file, but now and then", async () => {
  const dir = tempDir();
  const log = await openFileLog({ dir });
  const sizes = new Set<number>();
  for (let i = 0; i < 200; i++) {
    await log.append([post(`message ${i}`)]);
    sizes.add(statSync(segmentsOf(dir)[0]!).size);
  }
  expect(sizes.size).toBeLessThan(20);
  await log.close();
});

test("nothing is lost where short and long commits meet the zeros ahead of them", async () => {
  const dir = tempDir();
  const expected: string[] = [];
  let log = await openFileLog({ dir });
  for (let i = 0; i < 120; i++) {
    const length = [10, 20_000, 60_000][(i * 7) % 3]!;
    const some = Array.from({ length: 1 + (i % 4) }, (_, k) => `${i} ${k} `.padEnd(length, "x"));
    expected.push(...some);
    await log.append(some.map((text) => post(text)));
  }
  await log.close();
  log = await openFileLog({ dir });
  expect((await texts(log)).join() === expected.join()).toBe(true);
  await log.close();
});

test("a log that was killed continues in the same file, before the zeros", async () => {
  const dir = tempDir();
  const log = await openFileLog({ dir });
  for (let i = 0; i < 10; i++) {
    await log.append([post(`before ${i}`)]);
  }
  const copy = join(tempDir(), "copy");
  cpSync(dir, copy, { recursive: true });
  await log.close();
  for (const text of ["after", "once more"]) {
    const again = await openFileLog({ dir: copy });
    await again.append([post(text)]);
    await again.close();
  }
  expect(segmentsOf(copy)).toHaveLength(1);
  const last = await openFileLog({ dir: copy });
  expect((await texts(last)).slice(-3)).toEqual(["before 9", "after", "once more"]);
  await last.close();
});

test("a full segment ends with its last item", async () => {
  const dir = tempDir();
  const log = await openFileLog({ dir, segmentBytes: 8192 });
  for (let i = 0; i < 100; i++) {
    await log.append([post(`message ${i}`.padEnd(500))]);
  }
  await log.close();
  const segments = segmentsOf(dir);
  expect(segments.length).toBeGreaterThan(3);
  for (const path of segments.slice(0, -1)) {
    const { at, item } = itemsOf(dir).findLast((found) => found.path === path)!;
    expect(statSync(path).size).toBe(at + item.length);
  }
});
