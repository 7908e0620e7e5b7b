import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { ClassicLevel } from "classic-level";
import { expect, onTestFinished, test } from "vitest";
import { crc32c } from "../../src/server/log/crc32c.js";
import { openLevelLog } from "../../src/server/log/level-log.js";
import { formatVersion, metaKey } from "../../src/server/log/record.js";
import { post, requireAll } from "../support/log-messages.js";
import { tempDir } from "../support/temp-dir.js";

/** Why a log does not open: one line that names the folder. */
async function refusal(dir: string): Promise<string> {
  const error = await openLevelLog({ dir }).then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(ConnectError);
  expect(error.code).toBe(Code.FailedPrecondition);
  expect(error.rawMessage).not.toContain("\n");
  expect(error.rawMessage).toContain(dir);
  return error.rawMessage;
}

async function makeLog(): Promise<string> {
  const dir = tempDir();
  const log = await openLevelLog({ dir });
  await log.append([post("a")]);
  await log.close();
  return dir;
}

test("a file, and a path through a file", async () => {
  const file = join(tempDir(), "file");
  writeFileSync(file, "");
  expect(await refusal(file)).toContain("it is not a folder");
  expect(await refusal(join(file, "sub"))).toContain("it is not a folder");
});

test("a folder that is read-only", async ({ skip }) => {
  // Permission bits do not bind root: a read-only mount does.
  const dir = join(tempDir(), "read-only");
  mkdirSync(dir, { mode: 0o500 });
  if (process.getuid?.() === 0) {
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "ro", "chatter-test", dir], { stdio: "ignore" });
    } catch {
      expect(requireAll, "this machine cannot mount a tmpfs").toBe(false);
      skip("run by root, who may write everywhere, and no tmpfs can be mounted here");
    }
    onTestFinished(() => {
      execFileSync("umount", ["-l", dir]);
    });
  }
  expect(await refusal(dir)).toContain("it cannot be written to");
  expect(await refusal(join(dir, "sub"))).toContain("it cannot be written to");
});

test.runIf(existsSync("/proc/self"))("a folder in one that takes no others", async () => {
  expect(await refusal("/proc/chatter/log")).toContain("no such file or directory");
});

test("a LevelDB folder of another program", async () => {
  const dir = tempDir();
  const other = new ClassicLevel(dir);
  await other.put("a", "b");
  await other.close();
  expect(await refusal(dir)).toContain("another program");
});

test("a store with other things in it than a log", async () => {
  const dir = tempDir();
  const other = new ClassicLevel(join(dir, "messages"));
  await other.put("a", "b");
  await other.close();
  expect(await refusal(dir)).toContain("another program");
});

test("a log whose witness is missing, or belongs to another log", async () => {
  const dir = await makeLog();
  const witness = join(dir, "messages.head");
  const own = readFileSync(witness);
  writeFileSync(witness, readFileSync(join(await makeLog(), "messages.head")));
  expect(await refusal(dir)).toContain("belongs to another log");
  rmSync(witness);
  expect(await refusal(dir)).toContain("is missing");
  writeFileSync(witness, own);
  await (await openLevelLog({ dir })).close();
});

test("a log whose store is gone", async () => {
  const dir = await makeLog();
  rmSync(join(dir, "messages"), { recursive: true });
  expect(await refusal(dir)).toMatch(/does not exist/);
});

test("a log of a newer version", async () => {
  const dir = await makeLog();
  const line = `chatter-log ${String(formatVersion + 1).padStart(3, "0")} AbCdEfGh ${"7".padStart(15, "0")}`;
  const sum = crc32c(Buffer.from(line)).toString(16).padStart(8, "0");
  writeFileSync(join(dir, "messages.head"), `${line} ${sum}\n`);
  expect(await refusal(dir)).toMatch(/newer version/);
});

test("a store of a newer version", async () => {
  const dir = await makeLog();
  const level = new ClassicLevel<Buffer, Buffer>(join(dir, "messages"), {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
  });
  const meta = (await level.get(metaKey))!;
  meta.writeUInt16BE(formatVersion + 1, 4);
  meta.writeUInt32BE(crc32c(meta, 4), 0);
  await level.put(metaKey, meta);
  await level.close();
  expect(await refusal(dir)).toContain(
    `was written by a newer version of this program (form ${formatVersion + 1}, this one knows ${formatVersion}): use that version`,
  );
});

test("other things may lie in the folder", async () => {
  const dir = tempDir();
  writeFileSync(join(dir, "signing-key"), "");
  await (await openLevelLog({ dir })).close();
});
