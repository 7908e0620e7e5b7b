import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { ClassicLevel } from "classic-level";
import { expect, onTestFinished, test } from "vitest";
import { crc32c } from "../../src/server/encoding/crc32c.js";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import {
  formVersion,
  roomsFormVersion,
} from "../../src/server/log/file/segments/segment-header.js";
import { post, requireAll, texts } from "../support/log-messages.js";
import { change, segmentsOf } from "../support/segments.js";
import { tempDir } from "../support/temp-dir.js";

/** Why a log does not open: one line that names the folder. */
async function refusal(dir: string): Promise<string> {
  const error = await openFileLog({ dir }).then(
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
  const log = await openFileLog({ dir });
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
  // Permission bits do not restrict root: a read-only mount does.
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
  expect(await refusal("/proc/chatter/log")).toContain("no such file or folder");
});

test("a LevelDB folder of another program", async () => {
  const dir = tempDir();
  const other = new ClassicLevel(dir);
  await other.put("a", "b");
  await other.close();
  expect(await refusal(dir)).toContain("another program");
});

test("a folder for messages with other things in it", async () => {
  const dir = tempDir();
  mkdirSync(join(dir, "messages"));
  writeFileSync(join(dir, "messages", "diary"), "");
  expect(await refusal(dir)).toContain("messages.head is missing");
});

test("a log of an older version, a LevelDB folder: with the command that helps", async () => {
  const dir = tempDir();
  const old = new ClassicLevel(join(dir, "messages"));
  await old.put("a", "b");
  await old.close();
  expect(await refusal(dir)).toContain(`run chatter log upgrade --data-dir ${dir}`);
});

test("a log whose head files are both missing, empty, damaged, or belong to another log", async () => {
  const dir = await makeLog();
  const head = join(dir, "messages.head");
  const own = readFileSync(head);
  writeFileSync(head, readFileSync(join(await makeLog(), "messages.head")));
  expect(await refusal(dir)).toContain("belongs to another log");
  rmSync(join(dir, "messages", "head"));
  writeFileSync(head, "x".repeat(100));
  expect(await refusal(dir)).toContain("damaged");
  writeFileSync(head, "");
  expect(await refusal(dir)).toContain(`${head} is empty`);
  rmSync(head);
  expect(await refusal(dir)).toContain(`${head} is missing`);
  writeFileSync(head, own);
  await (await openFileLog({ dir })).close();
});

test.each(["the folder", "all files"])("a log of which %s of messages is gone", async (what) => {
  const dir = await makeLog();
  rmSync(join(dir, "messages"), { recursive: true });
  if (what === "all files") {
    mkdirSync(join(dir, "messages"));
  }
  expect(await refusal(dir)).toMatch(/the messages of the log are missing: .* there were 1$/);
});

test("a log of a newer version", async () => {
  const dir = await makeLog();
  const line = `chatter-log ${String(formVersion + 1).padStart(3, "0")} AbCdEfGh ${"7".padStart(15, "0")}`;
  const sum = crc32c(Buffer.from(line)).toString(16).padStart(8, "0");
  writeFileSync(join(dir, "messages.head"), `${line} ${sum}\n`);
  expect(await refusal(dir)).toMatch(/newer version/);
});

test("a segment of a newer version", async () => {
  const dir = await makeLog();
  change(segmentsOf(dir)[0]!, (bytes) => {
    for (const at of [0, 2048]) {
      bytes.writeUInt16BE(roomsFormVersion + 1, at + 12);
      bytes.writeUInt32BE(crc32c(bytes, at + 4, at + 128), at);
    }
  });
  expect(await refusal(dir)).toContain(
    `was written by a newer version of this program (form ${roomsFormVersion + 1}, this one knows ${roomsFormVersion}): use that version`,
  );
});

test.each([0, 1.5, Number.NaN, 4 * 1024 ** 3])("files of %d bytes", async (segmentBytes) => {
  await expect(openFileLog({ dir: tempDir(), segmentBytes })).rejects.toThrow(
    `segmentBytes must be a whole number from 1 to 2147483648, and not ${segmentBytes}`,
  );
});

test("other things may lie in the folder", async () => {
  const dir = tempDir();
  writeFileSync(join(dir, "signing-key"), "");
  await (await openFileLog({ dir })).close();
});

test.each([
  ["00000001.seg", 200],
  ["00000002.seg", 200],
  ["x.tmp", 200],
  ["00000009.ids", 1_000_000],
])("a folder named %s may lie among the files of the log", async (name, segmentBytes) => {
  const dir = tempDir();
  const faults: string[] = [];
  const line = (fields: object) => faults.push(JSON.stringify(fields));
  const logger = { info: line, warn: line, error: line };
  const options = { dir, segmentBytes, dedupe: { windowMs: 1e9 } };
  let log = await openFileLog(options);
  await log.append([post("a", "a")]);
  await log.append([post("b", "b")]);
  await log.append([post("c", "c")]);
  await log.close();
  const path = join(dir, "messages", name);
  rmSync(path, { force: true });
  mkdirSync(join(path, "sub"), { recursive: true });
  log = await openFileLog({ ...options, logger });
  const { positions } = await log.append([post("c", "c"), post("d")]);
  expect(positions.map(({ sequence }) => sequence)).toEqual([3, 4]);
  expect(await texts(log, 3)).toEqual(["d"]);
  await log.close();
  expect(faults.join()).toMatch(name.endsWith("seg") ? new RegExp(`${name} is not a file`) : /^$/);
});
