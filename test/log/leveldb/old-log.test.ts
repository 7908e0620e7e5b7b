import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readOldHead } from "../../../src/server/log/leveldb/log-upgrade.js";
import { type LostRange, OldLog } from "../../../src/server/log/leveldb/old-log.js";
import {
  type CopiedMessage,
  decodeStored,
} from "../../../src/server/log/transfer/copied-message.js";
import { copyOldLog, oldLogNames, oldLogs, readExportFile } from "../../support/old-logs.js";
import { rounds } from "../../support/streams.js";

async function readOldLog(dir: string) {
  const log = await OldLog.open(
    join(dir, "messages"),
    await readOldHead(join(dir, "messages.head")),
  );
  if (log === undefined) {
    return undefined;
  }
  const { identity, first, head } = log;
  const lost: LostRange[] = [];
  const hashes = new Map<number, Buffer>();
  for await (const records of log.ids()) {
    for (const { sequence, hashed } of records.flatMap(({ ids }) => ids)) {
      hashes.set(sequence, hashed.subarray(0, 16));
    }
  }
  const messages: CopiedMessage[] = [];
  for await (const part of log.parts(0)) {
    if ("lost" in part) {
      lost.push(part.lost);
    } else {
      const ids = [...hashes].map(([sequence, hash]) => ({ sequence, hash }));
      messages.push(
        ...decodeStored(
          part.messages.bytes,
          ids.filter(({ sequence }) => sequence >= part.messages.first),
        ),
      );
    }
  }
  return { identity, first, head, messages, lost, damage: log.damage, damagedIds: log.damagedIds };
}

const textOf = ({ idHash, ...message }: CopiedMessage) =>
  `${JSON.stringify(message)}${Buffer.from(idHash ?? []).toString("hex")}`;

test.each(oldLogNames)("a log of the old form is read message by message: %s", async (name) => {
  expect(await readOldLog(join(oldLogs, name))).toEqual({
    ...(await readExportFile(join(oldLogs, `${name}.jsonl`))),
    lost: [],
    damage: [],
    damagedIds: 0,
  });
});

test("a flipped byte anywhere: messages are right or named as lost", {
  timeout: 60_000,
}, async () => {
  const dir = copyOldLog("plain");
  const { messages, identity, first, head } = (await readOldLog(dir))!;
  const texts = new Map(messages.map((message) => [message.sequence, textOf(message)]));
  const files = [
    "messages.head",
    ...readdirSync(join(dir, "messages")).map((name) => join("messages", name)),
  ];
  let lossy = 0;
  for (const name of files) {
    const path = join(dir, name);
    const bytes = readFileSync(path);
    const step = Math.max(1, Math.floor(bytes.length / rounds(25)));
    for (let at = 0; at < bytes.length; at += step) {
      const bad = Buffer.from(bytes);
      bad[at]! ^= 0x55;
      writeFileSync(path, bad);
      const found = (await readOldLog(dir))!;
      expect([found.identity, found.head]).toEqual([identity, head]);
      // As text, which is compared by one step; the id of a message may be what is damaged.
      const isRight = (message: CopiedMessage) =>
        texts.get(message.sequence)?.startsWith(textOf(message)) ?? message.sequence < first;
      expect(found.messages.every(isRight)).toBe(true);
      const lost = found.lost.reduce((sum, { first, last }) => sum + last - first + 1, 0);
      expect(found.messages.length + lost).toBe(head - found.first + 1);
      expect(found.lost.length === 0 || found.damage.length > 0).toBe(true);
      lossy += lost > 0 ? 1 : 0;
    }
    writeFileSync(path, bytes);
  }
  expect(lossy).toBeGreaterThan(5);
});

test("a log without its newest file ends where the head file says", async () => {
  const dir = copyOldLog("plain");
  const log = readdirSync(join(dir, "messages")).find((name) => name.endsWith(".log"))!;
  rmSync(join(dir, "messages", log));
  const found = (await readOldLog(dir))!;
  expect([found.head, found.lost]).toEqual([351, [{ first: 346, last: 351 }]]);
});

test("of a log that has lost all of its files nothing is skipped", async () => {
  const dir = copyOldLog("plain");
  for (const name of readdirSync(join(dir, "messages")).filter((file) =>
    /\.(ldb|log)$/.test(file),
  )) {
    rmSync(join(dir, "messages", name));
  }
  const found = (await readOldLog(dir))!;
  expect([found.first, found.head, found.lost]).toEqual([1, 351, [{ first: 1, last: 351 }]]);
  expect(found.damage[0]).toContain("has no metadata");
});

test("a folder of LevelDB without a log is none", async () => {
  const dir = copyOldLog("killed");
  rmSync(join(dir, "messages.head"));
  for (const name of readdirSync(join(dir, "messages")).filter((file) => file.endsWith(".log"))) {
    writeFileSync(join(dir, "messages", name), "");
  }
  expect(await readOldLog(dir)).toBeUndefined();
});

test("another form, and the head file of another log, are refused", async () => {
  const folder = join(oldLogs, "plain", "messages");
  const head = { form: 1, identity: "AAAAAAAA", head: 351 };
  await expect(OldLog.open(folder, head)).rejects.toThrow("belongs to another log (AAAAAAAA)");
  await expect(OldLog.open(folder, { ...head, form: 2 })).rejects.toThrow("has form 2");
});
