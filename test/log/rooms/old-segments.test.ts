import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { roomsFormVersion } from "../../../src/server/log/file/segments/segment-header.js";
import { contentOf, openLog } from "../../support/log-copies.js";
import { readAll } from "../../support/log-messages.js";
import { oldLogs, readExportFile, readStore } from "../../support/old-logs.js";
import { postTo, readRooms, roomList, select } from "../../support/room-messages.js";
import { cutZeros, segmentsOf } from "../../support/segments.js";
import { tempDir } from "../../support/temp-dir.js";

/** A copy of a log as a program without rooms has left it. */
function copyOld(): string {
  const dir = join(tempDir(), "log");
  cpSync(join(oldLogs, "segments"), dir, { recursive: true });
  return dir;
}

const formsOf = (dir: string) => segmentsOf(dir).map((path) => readFileSync(path).readUInt16BE(12));

test("the messages of a log of form 2 are those of main, all of them", async () => {
  const dir = copyOld();
  const exported = await readExportFile(join(oldLogs, "segments.jsonl"));
  expect(await readStore(dir)).toEqual(exported);
  const log = await openLog(dir);
  const { first, head } = exported;
  expect([log.first, log.head]).toEqual([first, head]);
  const count = head - first + 1;
  expect(await roomList(log, { since: head - 7 })).toEqual([
    { room: "main", count, last: head, countSince: 7 },
  ]);
  const found = await readRooms(log, select("main"));
  expect(found.map(({ text }) => text)).toEqual(exported.messages.map(({ text }) => text));
  expect(await readRooms(log, select("a/*"))).toEqual([]);
  expect(await log.beforeLast(10, select("main"))).toBe(head - 10);
  await log.close();
  expect(formsOf(dir)).toEqual(formsOf(join(oldLogs, "segments")));
});

test("messages of main are written in the old form: a program without rooms reads them", async () => {
  const dir = copyOld();
  const log = await openLog(dir, { segmentBytes: 4096 });
  for (let i = 0; i < 3; i++) {
    await log.append([postTo("main", `next ${i}`)]);
  }
  await log.close();
  expect(new Set(formsOf(dir))).toEqual(new Set([2]));
});

test("the first message of a room begins a segment that programs without rooms refuse", async () => {
  const dir = copyOld();
  const before = await contentOf(dir);
  cutZeros(dir);
  const old = segmentsOf(dir).map((path) => [path, readFileSync(path)] as const);
  const log = await openLog(dir);
  const { positions } = await log.append([postTo("team/a", "one"), postTo("main", "two")]);
  const { sequence } = positions[0]!;
  expect(sequence).toBe(before.head + 1);
  await log.append([postTo("main", "three")]);
  for (const reopened of [false, true]) {
    const current = reopened ? await openLog(dir) : log;
    expect(await readRooms(current, select("team/*"))).toEqual([
      { sequence, room: "team/a", text: "one" },
    ]);
    const count = before.head - before.first + 1 + 2;
    expect(await roomList(current)).toEqual([
      { room: "main", count, last: sequence + 2, countSince: 0 },
      { room: "team/a", count: 1, last: sequence, countSince: 0 },
    ]);
    const main = await readRooms(current, select("main"));
    expect(main).toHaveLength(count);
    expect((await readAll(current)).slice(0, -3)).toEqual(before.messages);
    const after = await current.beforeLast(4, select("main"));
    expect(await readRooms(current, select("main"), after)).toEqual(main.slice(-4));
    await current.close();
  }
  for (const [path, bytes] of old) {
    expect(readFileSync(path).subarray(0, bytes.length).equals(bytes), path).toBe(true);
  }
  expect(formsOf(dir)).toEqual([...old.map(() => 2), roomsFormVersion]);
});

test("rooms are counted from the form without them to that with them, as retention continues", async () => {
  const dir = copyOld();
  const posted = await openLog(dir, { segmentBytes: 4200 });
  for (let i = 0; i < 60; i++) {
    await posted.append([postTo(["a", "b", "main"][i % 3]!, `${i}`)]);
  }
  const { head } = posted;
  await posted.close();
  for (const kept of [100, 60, 30, 4]) {
    const log = await openLog(dir, { segmentBytes: 4200, retention: { maxMessages: kept } });
    await expect.poll(() => log.first, { timeout: 10_000 }).toBeGreaterThan(head - kept - 3);
    const all = (await readAll(log)).map(({ room }) => (room === "" ? "main" : room));
    expect((await roomList(log)).map(({ room, count }) => [room, count])).toEqual(
      ["a", "b", "main"].map((room) => [room, all.filter((one) => one === room).length]),
    );
    await log.close();
  }
});
