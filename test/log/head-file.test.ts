import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { post, requireAll, texts } from "../support/log-messages.js";
import { change, recordOf, segmentsOf } from "../support/segments.js";
import { hasStrace } from "../support/strace.js";
import { tempDir } from "../support/temp-dir.js";

const names = ["messages.head", "messages/head"] as const;

/** A log as a kill leaves it, with three messages, each a commit. */
async function killed(): Promise<string> {
  const dir = join(tempDir(), "killed");
  const source = tempDir();
  const log = await openFileLog({ dir: source });
  for (const text of ["a", "b", "c"]) {
    await log.append([post(text)]);
  }
  cpSync(source, dir, { recursive: true });
  await log.close();
  rmSync(join(dir, "messages.lock"));
  return dir;
}

async function opened(dir: string) {
  const lines: string[] = [];
  const line = (fields: object) => lines.push(JSON.stringify(fields));
  const log = await openFileLog({ dir, logger: { info: line, warn: line, error: line } });
  onTestFinished(() => log.close());
  return { log, lines };
}

const ways: [string, (path: string) => void, RegExp | undefined][] = [
  ["missing", (path) => rmSync(path), /messages\.head is missing/],
  ["empty", (path) => writeFileSync(path, ""), /messages\.head is empty/],
  ["damaged", (path) => writeFileSync(path, "x".repeat(204)), /head is damaged/],
  ["cut off", (path) => writeFileSync(path, readFileSync(path).subarray(0, 49)), /head is damaged/],
];

for (const name of names) {
  test.each(ways)(`a log opens, whole, with ${name} %s, and mends it`, async (_, spoil, fault) => {
    const dir = await killed();
    spoil(join(dir, name));
    const { log, lines } = await opened(dir);
    expect(await texts(log)).toEqual(["a", "b", "c"]);
    if (name === "messages.head") {
      expect(lines.join("\n")).toMatch(fault!);
    }
    await log.append([post("d")]);
    await log.close();
    for (const other of names) {
      expect(readFileSync(join(dir, other), "latin1")).toMatch(/^chatter-log 002 .{8} 0{14}[34] /);
    }
    const again = await opened(dir);
    expect(again.lines).toEqual([]);
    expect(await texts(again.log)).toEqual(["a", "b", "c", "d"]);
  });

  test.each(ways)(
    `with ${name} %s, a last commit that was answered and is damaged is data_loss`,
    async (_, spoil) => {
      const dir = await killed();
      spoil(join(dir, name));
      const { path, at, item } = recordOf(dir, 3);
      change(path, (bytes) => bytes.fill(0x55, at, at + item.length));
      const { log } = await opened(dir);
      expect(log.head).toBe(3);
      await expect(async () => log.read(2)).rejects.toMatchObject({ code: Code.DataLoss });
      expect((await log.append([post("d")])).positions[0]?.sequence).toBe(4);
    },
  );
}

test("a folder of an older version, which has one head file, gets the second one", async () => {
  const dir = await killed();
  rmSync(join(dir, "messages", "head"));
  const { log, lines } = await opened(dir);
  await log.close();
  expect(lines).toEqual([]);
  const own = readFileSync(join(dir, "messages.head"), "latin1");
  expect(readFileSync(join(dir, "messages", "head"), "latin1").slice(0, 100)).toBe(own);
});

test("the second head file of another log changes nothing", async () => {
  const dir = await killed();
  cpSync(join(await killed(), "messages", "head"), join(dir, "messages", "head"));
  const { log, lines } = await opened(dir);
  expect(await texts(log)).toEqual(["a", "b", "c"]);
  expect(lines.join("\n")).toMatch(/head belongs to another log than/);
});

test("a head file whose sector can be neither read nor written stops nothing", async ({ skip }) => {
  if (!hasStrace()) {
    expect(requireAll, "this machine has no strace").toBe(false);
    skip("no strace here");
  }
  const poster = fileURLToPath(new URL("../support/log-poster.ts", import.meta.url));
  for (const name of names) {
    const dir = await killed();
    const calls = "read,pread64,write,pwrite64,fsync";
    const { stdout } = spawnSync(
      "strace",
      [
        ...["-f", "-qq", "-o", "/dev/null", "-P", join(dir, name), "-e", `trace=${calls}`],
        ...["-e", `inject=${calls}:error=EIO:when=1`],
        ...[process.execPath, "--import", "tsx", poster, dir],
      ],
      {
        env: { ...process.env, UV_THREADPOOL_SIZE: "1", POSTER_WRITERS: "1", POSTER_COUNT: "2" },
        encoding: "utf8",
      },
    );
    expect(stdout).toMatch(/^ok /m);
    const { log } = await opened(dir);
    expect(log.head).toBe(5);
    expect(segmentsOf(dir)).toHaveLength(1);
  }
});
