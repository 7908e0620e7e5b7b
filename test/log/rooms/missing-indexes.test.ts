import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLog } from "../../support/log-copies.js";
import { postTo, readRooms, roomList, select } from "../../support/room-messages.js";
import { tempDir } from "../../support/temp-dir.js";

const names = ["a", "b", "c", "main"];
const segmentBytes = 4200;
const count = 200;

/** Makes a log of several segments whose messages go to the rooms in turn; returns its folder. */
async function makeLog(): Promise<string> {
  const dir = tempDir();
  const log = await openLog(dir, { segmentBytes });
  for (let i = 0; i < count; i++) {
    const { error } = await log.append([postTo(names[i % names.length]!, `${i}`.padEnd(400))]);
    expect(error).toBeUndefined();
  }
  await log.close();
  return dir;
}

/** A copy of the log's folder without the indexes of rooms, so that readers have them made again. */
function copyWithoutIndexes(full: string): string {
  const dir = join(tempDir(), "log");
  cpSync(full, dir, { recursive: true, filter: (path) => !path.endsWith(".rooms") });
  return dir;
}

test("any number of readers get the indexes that they miss", async () => {
  const log = await openLog(copyWithoutIndexes(await makeLog()), { segmentBytes });
  const readers = [...names, ...names].map((name) => readRooms(log, select(name)));
  for (const messages of await Promise.all(readers)) {
    expect(messages).toHaveLength(count / names.length);
  }
  await log.close();
});

test("rooms are listed, counted and read while retention removes what is old", async () => {
  const full = await makeLog();
  type Log = Awaited<ReturnType<typeof openLog>>;
  const asked = [
    async (log: Log) => {
      for (const { room, count, last } of await roomList(log, { since: log.head - 3 })) {
        expect(names).toContain(room);
        expect(count).toBeGreaterThan(0);
        expect(last).toBeGreaterThan(log.head - names.length);
      }
    },
    async (log: Log) => expect(await log.beforeLast(2, select("a"))).toBeGreaterThan(log.head - 10),
    async (log: Log) => expect(await readRooms(log, select("b"), log.head - 8)).toHaveLength(2),
  ];
  for (const ask of asked) {
    const log = await openLog(copyWithoutIndexes(full), {
      segmentBytes,
      retention: { maxMessages: 10 },
    });
    while (log.first <= log.head - 10) {
      await Promise.all([ask(log), ask(log), new Promise((resolve) => setTimeout(resolve, 1))]);
    }
    await ask(log);
    await log.close();
  }
});

test("an index that is lost as soon as it was written is written again before others continue it", async () => {
  const dir = copyWithoutIndexes(await makeLog());
  const log = await openLog(dir, { segmentBytes });
  const path = join(dir, "messages", "00000003.rooms");
  let isAsked = true;
  const losing = (async () => {
    while (!existsSync(path) && isAsked) {
      await new Promise(setImmediate);
    }
    rmSync(path);
  })();
  const list = await roomList(log);
  isAsked = false;
  await losing;
  expect(list.map(({ room, count }) => [room, count])).toEqual(
    names.map((name) => [name, count / names.length]),
  );
});
