import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { contentOf, failLog, makeLog, openLog, runLog } from "../support/log-copies.js";
import { posts } from "../support/log-messages.js";
import { postTo, roomList } from "../support/room-messages.js";
import { tempDir } from "../support/temp-dir.js";

const firstLine = (file: string) => JSON.parse(readFileSync(file, "utf8").split("\n")[0]!);

const forms = (file: string) =>
  readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => /^\{"chatter_export":(\d)/.exec(line)?.[1] ?? [])
    .map(Number);

/** A log of messages in three rooms, with and without ids. */
async function makeRoomLog(): Promise<string> {
  const dir = tempDir();
  const log = await openLog(dir, { segmentBytes: 8192 });
  for (let i = 0; i < 100; i++) {
    const room = ["main", "a", "team/b"][i % 3]!;
    await log.append([postTo(room, `text ${i}`, i % 2 === 0 ? `${i}` : "")]);
  }
  await log.close();
  return dir;
}

test("an export has the rooms of its messages, and so does the log that it is imported into", async () => {
  const dir = await makeRoomLog();
  const file = join(tempDir(), "export.jsonl");
  await runLog(["export", "--data-dir", dir, file]);
  expect(forms(file)).toEqual([2]);
  const copy = join(tempDir(), "copy");
  expect(await runLog(["import", "--data-dir", copy, file])).toMatchObject({ added: 100 });
  expect(await contentOf(copy)).toEqual(await contentOf(dir));
  expect(await runLog(["verify", "--data-dir", copy])).toMatchObject({
    ...{ messages: 100, rooms: 3, ids: 50, damaged: [], damaged_ids: 0 },
  });
  const log = await openLog(copy);
  expect(await roomList(log)).toEqual([
    { room: "a", count: 33, last: 98, countSince: 0 },
    { room: "main", count: 34, last: 100, countSince: 0 },
    { room: "team/b", count: 33, last: 99, countSince: 0 },
  ]);
  // A repeat is recognized by its id, but only in its room.
  expect((await log.append([postTo("a", "text 4", "4")])).positions[0]!.sequence).toBe(5);
  expect((await log.append([postTo("main", "text 4", "4")])).error).toBeDefined();
});

test("an export of messages in main alone has the form that programs without rooms know", async () => {
  const file = join(tempDir(), "export.jsonl");
  await runLog(["export", "--data-dir", await makeLog(), file]);
  expect(forms(file)).toEqual([1]);
  expect(readFileSync(file, "utf8")).not.toContain('"room"');
});

test("an export that continues with a message of a room says before it that its form is another", async () => {
  const dir = tempDir();
  const log = await openLog(dir);
  await log.append(posts(10));
  await log.close();
  const file = join(tempDir(), "export.jsonl");
  await runLog(["export", "--data-dir", dir, file]);
  const again = await openLog(dir);
  await again.append([postTo("team/a", "in a room"), postTo("main", "in main")]);
  await again.close();
  expect(await runLog(["export", "--data-dir", dir, file])).toMatchObject({ added: 2 });
  expect(forms(file)).toEqual([1, 2]);
  expect(firstLine(file)).toMatchObject({ chatter_export: 1 });
  const last = await openLog(dir);
  await last.append([postTo("b", "in another")]);
  await last.close();
  await runLog(["export", "--data-dir", dir, file]);
  expect(forms(file)).toEqual([1, 2]);
  const copy = join(tempDir(), "copy");
  await runLog(["import", "--data-dir", copy, file]);
  expect(await contentOf(copy)).toEqual(await contentOf(dir));
});

test("an import takes no message in another room than the one that is there", async () => {
  const dir = await makeRoomLog();
  const copy = join(tempDir(), "copy");
  const log = await openLog(dir);
  const { identity } = log;
  await log.close();
  const file = join(tempDir(), "export.jsonl");
  await runLog(["export", "--data-dir", dir, file]);
  await runLog(["import", "--data-dir", copy, file]);
  const other = await openLog(copy);
  await other.append([postTo("a", "same text")]);
  await other.close();
  const parted = await openLog(dir);
  const { positions } = await parted.append([postTo("team/b", "same text")]);
  await parted.close();
  expect(parted.identity).toBe(identity);
  const fork = join(tempDir(), "fork.jsonl");
  await runLog(["export", "--data-dir", copy, fork]);
  const text = await failLog(["export", "--data-dir", dir, fork]);
  expect(text).toContain(`differs from the log at message ${positions[0]!.sequence}`);
  writeFileSync(fork, "");
  await runLog(["export", "--data-dir", dir, fork]);
  expect(await failLog(["import", "--data-dir", copy, fork])).toContain(
    "differs from the export at message",
  );
});
