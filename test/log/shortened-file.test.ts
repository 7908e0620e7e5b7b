import { readdirSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { runHere } from "../support/cli-here.js";
import { post } from "../support/log-messages.js";
import { startServe } from "../support/serve.js";
import { tempDir } from "../support/temp-dir.js";

const count = 100;

/** A log part of which is only on the disk. */
async function makeLargeLog(): Promise<string> {
  const dir = tempDir();
  const log = await openFileLog({ dir });
  for (let i = 0; i < count; i++) {
    await log.append([post(`${i + 1} `.padEnd(60_000, "x"))]);
  }
  await log.close();
  return dir;
}

test("a server whose file is cut off continues, and so does the next", {
  timeout: 60_000,
}, async () => {
  const dir = await makeLargeLog();
  let server = await startServe(["--demo", "--data-dir", dir]);
  const login = ["login", "--user", "goa", "--password", "rocks"];
  const token = (await runHere([...login, "--url", server.url])).stdout.trim();
  const run = (args: readonly string[], input = "") =>
    runHere([...args, "--url", server.url, "--token", token], { input });
  const postLine = async (text: string) =>
    JSON.parse((await run(["listener"], `${text}\n`)).stdout).last_sequence;
  const history = (...args: string[]) => run(["history", ...args]);
  expect(await postLine("before it")).toBe(`${count + 1}`);
  const segment = readdirSync(join(dir, "messages")).find((name) => name.endsWith(".seg"))!;
  truncateSync(join(dir, "messages", segment), 1_000_000);

  const damaged = await history();
  expect(damaged.status).toBe(1);
  expect(damaged.stderr).toMatch(/messages 1[67] to \d+ of the log are damaged or missing/);
  expect(damaged.stdout.split("\n").filter(Boolean).length).toBeGreaterThan(10);
  // What memory has is read, and posts are taken.
  expect((await history("--last", "1")).stdout).toContain("before it");
  expect(await postLine("after it")).toBe(`${count + 2}`);
  expect(server.child.exitCode).toBeNull();

  await server.stop();
  server = await startServe(["--demo", "--data-dir", dir]);
  expect((await history()).stderr).toMatch(/messages 1[67] to \d+ of the log are damaged/);
  expect((await history("--last", "1")).stdout).toContain("after it");
  expect(await postLine("once more")).toBe(`${count + 3}`);
});
