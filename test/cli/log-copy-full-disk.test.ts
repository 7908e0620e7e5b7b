import { cpSync, existsSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { failLog, runLog } from "../support/log-copies.js";
import { oldLogs, readExportFile, readStore } from "../support/old-logs.js";
import { mountSmallDisk } from "../support/small-disk.js";

/** Leaves this many bytes of space on a disk; returns the file that takes the rest. */
function leaveRoom(disk: string, bytes: number): string {
  const { bavail, bsize } = statfsSync(disk);
  const path = join(disk, "filler");
  writeFileSync(path, Buffer.alloc(bavail * bsize - bytes, 1));
  return path;
}

test("an import that has filled the disk continues when there is room again", async ({ skip }) => {
  const disk = mountSmallDisk(4, skip);
  const dir = join(disk, "data");
  const file = join(oldLogs, "killed.jsonl");
  const filler = leaveRoom(disk, 30_000);
  const importIt = ["import", "--data-dir", dir, file];
  expect(await failLog(importIt)).toContain("ENOSPC");
  expect(await failLog(importIt)).toContain("ENOSPC");
  rmSync(filler);
  await runLog(importIt);
  expect(await readStore(dir)).toEqual(await readExportFile(file));
});

test("an upgrade that has filled the disk leaves the folder as it was", async ({ skip }) => {
  const disk = mountSmallDisk(4, skip);
  const dir = join(disk, "data");
  cpSync(join(oldLogs, "plain"), dir, { recursive: true });
  const filler = leaveRoom(disk, 30_000);
  const upgrade = ["upgrade", "--data-dir", dir];
  expect(await failLog(upgrade)).toContain("needs room for all messages again");
  expect(readdirSync(dir).filter((name) => name !== "messages.lock")).toEqual([
    "messages",
    "messages.head",
  ]);
  rmSync(filler);
  await runLog(upgrade);
  expect(await readStore(dir)).toEqual(await readExportFile(join(oldLogs, "plain.jsonl")));
  expect(existsSync(join(dir, "messages.upgrade"))).toBe(false);
});
