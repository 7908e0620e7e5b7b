import { cpSync, existsSync, mkdirSync, renameSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import type { MessageLog } from "../../src/server/log/message-log.js";
import { startChatter } from "../support/chatter-server.js";
import { post, posts, texts } from "../support/log-messages.js";
import { segmentsOf } from "../support/segments.js";
import { tempDir } from "../support/temp-dir.js";

/**
 * A log with ten messages, all of them on the disk alone, and what its operator finds in the server
 * log.
 */
async function opened() {
  const dir = join(tempDir(), "data");
  const before = await openFileLog({ dir });
  await before.append(posts(10));
  await before.close();
  const lines: string[] = [];
  const line = (fields: object, message: string) => {
    lines.push(`${message} ${(fields as { err?: Error }).err?.message ?? ""}`);
  };
  const log = await openFileLog({ dir, logger: { info: line, warn: line, error: line } });
  onTestFinished(() => log.close());
  await log.append([post("eleventh")]);
  return { dir, log, lines };
}

async function isSuspended(log: MessageLog): Promise<void> {
  await expect.poll(() => log.writeFault?.code, { interval: 20 }).toBe(Code.Unavailable);
  expect((await log.append([post("lost?")])).error?.code).toBe(Code.Unavailable);
}

const resumes = (log: MessageLog) =>
  expect.poll(() => log.writeFault, { timeout: 20_000, interval: 20 }).toBeUndefined();

test.each([
  ["deleted", () => {}],
  ["exchanged for an empty one", (dir: string) => mkdirSync(dir)],
])("a folder that is %s suspends writes until it is back, and makes no new log", async (_, put) => {
  const { dir, log, lines } = await opened();
  const aside = `${dir}.aside`;
  renameSync(dir, aside);
  put(dir);
  await isSuspended(log);
  await expect.poll(() => lines.join("\n")).toMatch(/cannot be opened again yet/);
  expect(await texts(log)).toHaveLength(11); // Readers continue with the files that are open.
  rmSync(dir, { recursive: true, force: true });
  renameSync(aside, dir);
  await resumes(log);
  expect((await log.append([post("next")])).positions[0]?.sequence).toBe(12);
  expect(await texts(log)).toHaveLength(12);
});

test("another log, or an older state of it, is never mistaken for the one that was there", async () => {
  const { dir, log, lines } = await opened();
  const { dir: other, log: otherLog } = await opened();
  await otherLog.close();
  renameSync(dir, `${dir}.aside`);
  cpSync(other, dir, { recursive: true });
  await isSuspended(log);
  await expect.poll(() => lines.join("\n")).toContain("there is another log in");
  rmSync(dir, { recursive: true });
  renameSync(`${dir}.aside`, dir);
  await resumes(log);

  cpSync(dir, `${dir}.older`, { recursive: true });
  await log.append(posts(5));
  renameSync(dir, `${dir}.aside`);
  renameSync(`${dir}.older`, dir);
  await isSuspended(log);
  await expect
    .poll(() => lines.join("\n"), { timeout: 10_000 })
    .toContain("an older state of the log");
  expect(log.head).toBe(16);
  rmSync(dir, { recursive: true });
  renameSync(`${dir}.aside`, dir);
  await resumes(log);
  expect((await log.append([post("next")])).positions[0]?.sequence).toBe(17);
});

test("without the file of its lock a log takes no posts, before another process has the folder", async () => {
  const { dir, log, lines } = await opened();
  const lock = join(dir, "messages.lock");
  rmSync(lock);
  await expect.poll(() => lines.join("\n")).toContain(`${lock} was deleted`);
  await resumes(log); // Nobody else has taken it.
  expect((await log.append([post("twelfth")])).positions[0]?.sequence).toBe(12);
  expect(existsSync(lock)).toBe(true);

  let other: MessageLog | undefined;
  while (other === undefined) {
    rmSync(lock, { force: true });
    other = await openFileLog({ dir }).catch(() => undefined); // This log may have been faster.
  }
  await isSuspended(log);
  await expect.poll(() => lines.join("\n")).toContain("in use by another process");
  expect((await other.append([post("thirteenth")])).positions[0]?.sequence).toBe(13);
  await other.close();
  await resumes(log);
  expect((await log.append([post("next")])).positions[0]?.sequence).toBe(14);
  expect((await texts(log)).slice(-3)).toEqual(["twelfth", "thirteenth", "next"]);
});

test("a server whose folder is gone is not ready", async () => {
  const { dir, log } = await opened();
  const { url } = await startChatter({ log });
  const status = async () => (await fetch(`${url}/readyz`)).status;
  expect(await status()).toBe(200);
  rmSync(dir, { recursive: true });
  await expect.poll(status, { interval: 20 }).toBe(503);
});

test("a file that is cut off under a running log is data_loss, and nothing else fails", async () => {
  const { dir, log } = await opened();
  truncateSync(segmentsOf(dir)[0]!, 4500);
  await expect(async () => log.read(0)).rejects.toMatchObject({ code: Code.DataLoss });
  expect(await texts(log, 10)).toEqual(["eleventh"]);
  expect((await log.append([post("next")])).positions[0]?.sequence).toBe(12);
});
