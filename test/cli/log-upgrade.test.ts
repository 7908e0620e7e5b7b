import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { ClassicLevel } from "classic-level";
import { expect, onTestFinished, test } from "vitest";
import { crc32c } from "../../src/server/encoding/crc32c.js";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { upgradeLog } from "../../src/server/log/leveldb/log-upgrade.js";
import { failLog, runLog } from "../support/log-copies.js";
import { post, texts } from "../support/log-messages.js";
import {
  copyOldLog,
  oldLogNames,
  oldLogs,
  readExportFile,
  readStore,
} from "../support/old-logs.js";
import { tempDir } from "../support/temp-dir.js";

const upgrade = (dir: string) => ["upgrade", "--data-dir", dir];

/** A line of a head file of the old form. */
function headLine(identity: string, head: number): string {
  const line = `chatter-log 001 ${identity} ${String(head).padStart(15, "0")}`;
  return `${line} ${crc32c(Buffer.from(line)).toString(16).padStart(8, "0")}\n`;
}

/** All files of a folder, with what is in them. */
function filesOf(dir: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return [path.slice(dir.length + 1), readFileSync(path, "latin1")];
      }),
  );
}

test.each(oldLogNames)("a log of the old form is the same log in the new one: %s", async (name) => {
  const dir = copyOldLog(name);
  const before = filesOf(join(dir, "messages"));
  const { messages, identity, first, head } = await readExportFile(join(oldLogs, `${name}.jsonl`));
  expect(await runLog(upgrade(dir))).toEqual({
    data_dir: dir,
    upgraded: true,
    ...{ identity, first, head, messages: messages.length },
    ids: expect.any(Number),
    ...{ damaged: [], damaged_ids: 0, old_files: join(dir, "messages.leveldb") },
  });
  expect(await readStore(dir)).toEqual({ identity, first, head, messages });
  expect(filesOf(join(dir, "messages.leveldb"))).toEqual(before);
  expect(readFileSync(join(dir, "messages.head"), "latin1")).toMatch(/^chatter-log 002 /);
  expect(existsSync(join(dir, "messages.new"))).toBe(false);
  // What an export says is the same to the byte.
  const file = join(tempDir(), "export.jsonl");
  await runLog(["export", "--data-dir", dir, file]);
  expect(readFileSync(file).equals(readFileSync(join(oldLogs, `${name}.jsonl`)))).toBe(true);
  const after = filesOf(dir);
  expect(await runLog(upgrade(dir))).toEqual({ data_dir: dir, upgraded: false });
  expect(filesOf(dir)).toEqual(after);
});

test("a server on it stores no repeat again, serves all, and continues after it", async () => {
  const dir = copyOldLog("plain");
  await expect(openFileLog({ dir })).rejects.toThrow(
    `the log in ${dir} has the form of an older version: run chatter log upgrade --data-dir ${dir}`,
  );
  await runLog(upgrade(dir));
  const log = await openFileLog({ dir, dedupe: { windowMs: 1e12, maxIds: 1000 } });
  onTestFinished(() => log.close());
  const { positions } = await log.append([post("last", "last"), post("next", "next")]);
  expect(positions.map(({ sequence }) => sequence)).toEqual([351, 352]);
  const [removed] = (await log.append([post("message 0 3 ".repeat(4), "0-3")])).positions;
  expect(removed!.sequence).toBeLessThan(log.first);
  expect(await texts(log)).toHaveLength(267);
});

test("a copy is made again if an older program may have continued the log", async () => {
  const dir = copyOldLog("killed");
  const whole = await readExportFile(join(oldLogs, "killed.jsonl"));
  const report = { identity: whole.identity, first: 1, head: 5, messages: 5, ids: 0, lost: [] };
  mkdirSync(join(dir, "messages.new"));
  writeFileSync(join(dir, "messages.upgrade"), JSON.stringify({ stage: "moving", report }));
  await runLog(upgrade(dir));
  expect(await readStore(dir)).toEqual(whole);
});

test("an import that an older version has not finished continues after the upgrade", async () => {
  const dir = copyOldLog("killed");
  const file = join(oldLogs, "killed.jsonl");
  const whole = await readExportFile(file);
  const { identity } = whole;
  const mark = join(dir, "messages.import");
  writeFileSync(mark, `${JSON.stringify({ from: identity, into: identity, first: 1 })}\n`);
  await runLog(upgrade(dir));
  await expect(openFileLog({ dir })).rejects.toThrow("run chatter log import again");
  await runLog(["import", "--data-dir", dir, file]);
  expect(await readStore(dir)).toEqual(whole);
  await (await openFileLog({ dir })).close();
});

test("what is damaged is named, all else is taken over", async () => {
  const dir = copyOldLog("plain");
  const table = readdirSync(join(dir, "messages")).find((name) => name.endsWith(".ldb"))!;
  const path = join(dir, "messages", table);
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
  const { stderr, stdout } = await failUpgrade(dir);
  const { damaged, messages, head, first } = JSON.parse(stdout);
  expect(damaged).toHaveLength(1);
  const [range] = damaged;
  expect(stderr).toContain(`${join(dir, "messages.leveldb", table)} is damaged at byte`);
  expect(stderr).toContain(`messages ${range.first} to ${range.last}`);
  const lost = range.last - range.first + 1;
  expect(messages).toBe(head - first + 1 - lost);
  const { messages: whole } = await readExportFile(join(oldLogs, "plain.jsonl"));
  const found = await readStore(dir);
  expect([found.first, found.head]).toEqual([first, head]);
  expect(found.messages).toEqual(
    whole.filter(({ sequence }) => sequence < range.first || sequence > range.last),
  );
  const log = await openFileLog({ dir, dedupe: { maxIds: 100 } });
  onTestFinished(() => log.close());
  await expect(log.read(range.first - 1)).rejects.toMatchObject({
    code: Code.DataLoss,
    rawMessage: `messages ${range.first} to ${range.last} of the log are damaged or missing on the disk`,
  });
  expect(await texts(log, range.last)).toHaveLength(head - range.last);
});

test("an end that is lost stays lost: its sequences are not used again", async () => {
  const dir = copyOldLog("plain");
  const log = readdirSync(join(dir, "messages")).find((name) => name.endsWith(".log"))!;
  rmSync(join(dir, "messages", log));
  const { stdout } = await failUpgrade(dir);
  expect(JSON.parse(stdout).damaged).toEqual([{ first: 346, last: 351 }]);
  expect((await readStore(dir)).head).toBe(351);
});

test("a folder that a process has open is left alone", async ({ skip }) => {
  if (process.platform !== "linux") {
    skip("nobody can tell here");
  }
  const dir = copyOldLog("plain");
  const level = new ClassicLevel(join(dir, "messages"));
  await level.open();
  try {
    expect(await failLog(upgrade(dir))).toContain("in use by another process");
    expect(existsSync(join(dir, "messages.upgrade"))).toBe(false);
  } finally {
    await level.close();
  }
  await runLog(upgrade(dir));
});

test("a first start that broke off before there was a log is named", async () => {
  const dir = copyOldLog("killed");
  const log = readdirSync(join(dir, "messages")).find((name) => name.endsWith(".log"))!;
  writeFileSync(join(dir, "messages", log), "");
  writeFileSync(join(dir, "messages.head"), headLine("9odmSRgw", 0));
  expect(await failLog(upgrade(dir))).toContain("nothing was ever stored in");
  expect(existsSync(join(dir, "messages.upgrade"))).toBe(false);
});

test("so is one that somebody posts to whose lock is not seen", async () => {
  const dir = copyOldLog("plain");
  const path = join(dir, "messages.head");
  const later = headLine("ji8FDqPq", 352);
  const upgrading = upgradeLog(dir, { copied: () => writeFileSync(path, later), checked() {} });
  await expect(upgrading).rejects.toThrow("in use by another process");
  const names = readdirSync(dir).filter((name) => name !== "messages.lock");
  expect(names).toEqual(["messages", "messages.head"]);
});

test("where there is no log, or half of two, nothing is touched", async () => {
  const empty = tempDir();
  expect(await failLog(upgrade(empty))).toContain(`there is no log in ${empty}`);
  expect(readdirSync(empty)).toEqual([]);

  const dir = copyOldLog("plain");
  await runLog(upgrade(dir));
  rmSync(join(dir, "messages"), { recursive: true });
  const before = filesOf(dir);
  expect(await failLog(upgrade(dir))).toContain("there is no log");
  expect(filesOf(dir)).toEqual(before);

  const mixed = copyOldLog("killed");
  writeFileSync(join(mixed, "messages.head"), readFileSync(join(dir, "messages.head")));
  expect(await failLog(upgrade(mixed))).toContain("put back both from one backup");
});

async function failUpgrade(dir: string) {
  const { runHere } = await import("../support/cli-here.js");
  const result = await runHere(["log", ...upgrade(dir)]);
  expect(result.status).toBe(1);
  return result;
}
