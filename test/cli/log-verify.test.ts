import { readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { idHashBytes } from "../../src/server/log/core/dedupe-window.js";
import {
  encodeItem,
  idEntryLength,
  itemHeaderLength,
} from "../../src/server/log/file/segments/item.js";
import { decodeSegmentHeader } from "../../src/server/log/file/segments/segment-header.js";
import { parseLines } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { contentOf, makeLog, openLog } from "../support/log-copies.js";
import { posts } from "../support/log-messages.js";
import { change, flip, idsOf, recordOf, segmentsOf, zero } from "../support/segments.js";
import { tempDir } from "../support/temp-dir.js";

async function verify(dir: string) {
  const { status, stdout, stderr } = await runHere(["log", "verify", "--data-dir", dir]);
  return { status, report: parseLines(stdout)[0], said: stderr };
}

/** Ten records of ten messages, changed behind the log's back. */
async function damagedLog(damage: (dir: string) => void) {
  const dir = tempDir();
  const log = await openLog(dir);
  for (let i = 0; i < 10; i++) {
    await log.append(posts(10).map((post, k) => ({ ...post, messageId: `${i} ${k}` })));
  }
  await log.close();
  damage(dir);
  return dir;
}

test("a whole log is counted, and the status is 0", async () => {
  const dir = await makeLog();
  const { identity, ids } = await contentOf(dir);
  expect(await verify(dir)).toEqual({
    status: 0,
    said: "",
    report: {
      identity,
      first: 1,
      head: 1006,
      messages: 1006,
      records: expect.any(Number),
      rooms: 1,
      bytes: expect.any(Number),
      ids: ids.length,
      damaged: [],
      damaged_ids: 0,
      damaged_files: [],
    },
  });
});

test("damaged and missing messages are named by their ranges, all of them", async () => {
  const dir = await damagedLog((log) => {
    const [flipped, ...zeroed] = [20, 40, 50].map((last) => recordOf(log, last));
    const [wrong, right] = [recordOf(log, 70), recordOf(log, 80)];
    flip(flipped!, 200);
    for (const record of zeroed) {
      zero(record);
    }
    change(wrong.path, (bytes) =>
      bytes.copyWithin(wrong.at, right.at, right.at + right.item.length),
    );
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
    `chatter: damaged or missing in ${dir}: messages 11 to 20, messages 31 to 50, messages 61 to 70, ${segmentsOf(dir)[0]} is damaged\n`,
  );
});

test("an end that is missing is known by the head file", async () => {
  const dir = await damagedLog((log) => {
    const { path, at } = recordOf(log, 90);
    truncateSync(path, at);
  });
  expect(await verify(dir)).toMatchObject({
    status: 1,
    report: { head: 100, messages: 80, damaged: [{ first: 81, last: 100 }] },
  });
});

test("ids that are damaged, or belong to other texts, are counted", async () => {
  const dir = await damagedLog((log) => {
    const [first, second] = [idsOf(log, 20), idsOf(log, 40)];
    flip(first, itemHeaderLength + 30);
    change(second.path, (bytes) => {
      const payload = second.at + itemHeaderLength;
      bytes[payload + 3 * idEntryLength + idHashBytes]! ^= 1;
      const { salt } = decodeSegmentHeader(bytes, second.path)!;
      const { item } = second;
      encodeItem(bytes, second.at, item.payloadLength, item, { ...item, salt });
    });
  });
  const { status, report, said } = await verify(dir);
  expect(status).toBe(1);
  expect(report).toMatchObject({ messages: 100, ids: 89, damaged: [], damaged_ids: 2 });
  expect(said).toContain("2 message ids or records of them");
});

test("a folder without a log, and one that a server has, are distinguished", async () => {
  const empty = tempDir();
  expect((await verify(empty)).said).toBe(
    `chatter: failed_precondition: there is no log in ${empty}\n`,
  );
  expect(readdirSync(empty)).toEqual([]);
  const dir = tempDir();
  await openLog(dir);
  expect((await verify(dir)).said).toContain("in use by another process");
});

test("what is wrong with files that the log does without is named, too", async () => {
  const dir = await damagedLog((log) => {
    writeFileSync(join(log, "messages.head"), "");
    change(segmentsOf(log)[0]!, (bytes) => bytes.fill(0, 0, 4096));
  });
  const { status, report, said } = await verify(dir);
  expect(status).toBe(1);
  expect(report).toMatchObject({
    messages: 100,
    damaged: [],
    damaged_files: [
      `${join(dir, "messages.head")} is empty`,
      `the header of ${segmentsOf(dir)[0]} is damaged`,
    ],
  });
  expect(said).toContain(`${join(dir, "messages.head")} is empty`);
});
