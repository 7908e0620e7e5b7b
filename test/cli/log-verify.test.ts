import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { expect, it } from "vitest";
import { idHashBytes } from "../../src/server/log/dedupe-window.js";
import { idsKey, messagesKey, openIds, sealIds } from "../../src/server/log/record.js";
import { parseLines } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { contentOf, makeLog, openLog } from "../support/log-copies.js";
import { posts } from "../support/log-messages.js";
import { tempDir } from "../support/temp-dir.js";

async function verify(dir: string) {
  const { status, stdout, stderr } = await runHere(["log", "verify", "--data-dir", dir]);
  return { status, report: parseLines(stdout)[0], said: stderr };
}

/** Ten records of ten messages, changed behind the log's back. */
async function damagedLog(change: (level: ClassicLevel<Buffer, Buffer>) => Promise<void>) {
  const dir = tempDir();
  const log = await openLog(dir);
  for (let i = 0; i < 10; i++) {
    await log.append(posts(10).map((post, k) => ({ ...post, messageId: `${i} ${k}` })));
  }
  await log.close();
  const level = new ClassicLevel<Buffer, Buffer>(join(dir, "messages"), {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
  });
  await change(level);
  await level.close();
  return dir;
}

async function flip(level: ClassicLevel<Buffer, Buffer>, key: Buffer, at: number) {
  const value = (await level.get(key))!;
  value[at]! ^= 1;
  await level.put(key, value);
}

it("a whole log is counted, and the status is 0", async () => {
  const dir = await makeLog();
  const { identity, ids } = await contentOf(dir);
  expect(await verify(dir)).toEqual({
    status: 0,
    said: "",
    report: {
      identity,
      first: 1,
      head: 1005,
      messages: 1005,
      records: expect.any(Number),
      bytes: expect.any(Number),
      ids: ids.length,
      damaged: [],
      damaged_ids: 0,
    },
  });
});

it("damaged and missing messages are named by their ranges, all of them", async () => {
  const dir = await damagedLog(async (level) => {
    await flip(level, messagesKey(20), 200);
    await level.del(messagesKey(40));
    await level.del(messagesKey(50));
    await level.put(messagesKey(70), (await level.get(messagesKey(80)))!);
  });
  const { status, report, said } = await verify(dir);
  expect(status).toBe(1);
  expect(report).toMatchObject({
    first: 1,
    head: 100,
    messages: 60,
    damaged: [
      { first: 11, last: 20 },
      { first: 31, last: 50 },
      { first: 61, last: 70 },
    ],
  });
  expect(said).toBe(
    `chatter: damaged or missing in ${dir}: messages 11 to 20, messages 31 to 50, messages 61 to 70\n`,
  );
});

it("an end that is missing is known by the witness", async () => {
  const dir = await damagedLog(async (level) => {
    await level.del(messagesKey(90));
    await level.del(messagesKey(100));
  });
  expect(await verify(dir)).toMatchObject({
    status: 1,
    report: { head: 100, messages: 80, damaged: [{ first: 81, last: 100 }] },
  });
});

it("ids that are damaged, or belong to other texts, are counted", async () => {
  const dir = await damagedLog(async (level) => {
    await flip(level, idsKey(20), 30);
    const record = openIds((await level.get(idsKey(40)))!)!;
    record.ids[3]!.hashed[idHashBytes]! ^= 1;
    await level.put(idsKey(40), sealIds(record));
  });
  const { status, report, said } = await verify(dir);
  expect(status).toBe(1);
  expect(report).toMatchObject({ messages: 100, ids: 89, damaged: [], damaged_ids: 2 });
  expect(said).toContain("2 message ids or records of them");
});

it("a table that LevelDB would not survive is named", async () => {
  const dir = await makeLog(3000);
  // Opened again, the log lies in tables.
  for (let i = 0; i < 2; i++) {
    await (await openLog(dir)).close();
  }
  const store = join(dir, "messages");
  const table = readdirSync(store).find((name) => name.endsWith(".ldb"))!;
  const bytes = readFileSync(join(store, table));
  bytes[bytes.length - 60]! ^= 0x55;
  writeFileSync(join(store, table), bytes);
  const { status, said } = await verify(dir);
  expect(status).toBe(1);
  expect(said).toContain(`${table} is damaged`);
});

it("a folder without a log, and one that a server has, are told apart", async () => {
  const empty = tempDir();
  expect((await verify(empty)).said).toBe(
    `chatter: failed_precondition: there is no log in ${empty}\n`,
  );
  expect(readdirSync(empty)).toEqual([]);
  const dir = tempDir();
  await openLog(dir);
  expect((await verify(dir)).said).toContain("in use by another process");
});
