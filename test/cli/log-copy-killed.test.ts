import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { chatterBin, cliEnv } from "../support/cli.js";
import { contentOf, makeLog, openLog, runLog } from "../support/log-copies.js";
import { post } from "../support/log-messages.js";
import { rounds, sleep, until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";

/** Each takes some seconds, and is killed three times. */
const roundCount = rounds(0.25);
const timeout = roundCount * 60_000;

/** A log that takes some time to copy. */
async function makeLongLog(): Promise<string> {
  const dir = tempDir();
  const log = await openLog(dir);
  for (let i = 0; i < 40; i++) {
    await log.append(
      Array.from({ length: 1000 }, (_, k) => post(`message ${i}-${k} `.repeat(9), `${i} ${k}`)),
    );
  }
  await log.close();
  return dir;
}

/** Runs a command and kills it with SIGKILL at this point; true if it was in time. */
async function killWhen(args: readonly string[], isSoFar: () => boolean): Promise<boolean> {
  const child = spawn(process.execPath, [chatterBin, "log", ...args], {
    env: cliEnv(),
    stdio: "ignore",
  });
  const ended = once(child, "exit");
  while (child.exitCode === null && !isSoFar()) {
    await sleep(1);
  }
  child.kill("SIGKILL");
  const [, signal] = await ended;
  return signal === "SIGKILL";
}

const sizeOf = (path: string) => (existsSync(path) ? statSync(path).size : 0);

test("an export that is killed again and again is whole in the end", { timeout }, async () => {
  const dir = await makeLongLog();
  const whole = join(tempDir(), "whole.jsonl");
  await runLog(["export", "--data-dir", dir, whole]);
  const size = sizeOf(whole);
  for (let round = 0; round < roundCount; round++) {
    const file = join(tempDir(), "export.jsonl");
    let kills = 0;
    for (const part of [0.1, 0.4, 0.8]) {
      const args = ["export", "--data-dir", dir, file];
      const enough = size * (part + Math.random() * 0.1);
      kills += (await killWhen(args, () => sizeOf(file) >= enough)) ? 1 : 0;
    }
    expect(kills).toBeGreaterThan(0);
    await runLog(["export", "--data-dir", dir, file]);
    expect(readFileSync(file).equals(readFileSync(whole))).toBe(true);
  }
});

test("an import that is killed again and again is whole in the end", { timeout }, async () => {
  const dir = await makeLongLog();
  const content = await contentOf(dir);
  const file = join(tempDir(), "export.jsonl");
  await runLog(["export", "--data-dir", dir, file]);
  for (let round = 0; round < roundCount; round++) {
    const copy = tempDir();
    const head = () => {
      const path = join(copy, "messages.head");
      return existsSync(path) ? Math.max(...headsOf(readFileSync(path, "latin1"))) : 0;
    };
    let kills = 0;
    for (const part of [0.1, 0.4, 0.8]) {
      const args = ["import", "--data-dir", copy, file];
      const enough = content.head * (part + Math.random() * 0.1);
      kills += (await killWhen(args, () => head() >= enough)) ? 1 : 0;
    }
    expect(kills).toBeGreaterThan(0);
    await runLog(["import", "--data-dir", copy, file]);
    expect(await contentOf(copy)).toEqual(content);
    await runLog(["verify", "--data-dir", copy]);
  }
});

test("an import that is killed before its first message keeps servers from the folder", async () => {
  const file = join(tempDir(), "export.jsonl");
  await runLog(["export", "--data-dir", await makeLog(3000), file]);
  const copy = tempDir();
  const child = spawn(process.execPath, [chatterBin, "log", "import", "--data-dir", copy], {
    env: cliEnv(),
    stdio: ["pipe", "ignore", "ignore"],
  });
  // As much as is checked at once, less than is written at once; the rest never comes.
  const begin = readFileSync(file);
  child.stdin.write(begin.subarray(0, begin.indexOf('\n{"through"') + 200));
  await until(() => existsSync(join(copy, "messages.head")), "the log is made");
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  await expect(openLog(copy)).rejects.toThrow("was not finished: run chatter log import again");
  await runLog(["import", "--data-dir", copy, file]);
  await runLog(["verify", "--data-dir", copy]);
});

/** The heads in the lines of a head file. */
function headsOf(text: string): number[] {
  return [0, ...[...text.matchAll(/ (\d{15}) /g)].map(([, head]) => Number(head))];
}
