/*
 * The embedded log with rooms, without a server: `npx tsx bench/log.ts`. Each piece of work runs in
 * a process of its own, in a folder of TMPDIR.
 */

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildServers } from "./build.js";
import { createCommand } from "./command.js";
import { createProgress } from "./progress.js";

createCommand("log", "The embedded log with rooms, without a server. Prints JSON.").parse();

const rounds = 3;

/** Messages of the log that is opened, listed and read: in 100,000 rooms, one of which has 1 %. */
const messages = 1_000_000;
const followedMessages = 200_000;
const queries = 5000;

const run = promisify(execFile);
const progress = createProgress();
const build = await buildServers();
const dir = await mkdtemp(join(tmpdir(), "chatter-bench-log-"));
try {
  const work = async (name: string, folder: string, count = 1) => {
    progress.say(name);
    const args = [build.file("bench/log/log-work.js"), name, join(dir, folder), `${count}`];
    return JSON.parse((await run(process.execPath, args)).stdout);
  };
  await work("fill", "rooms", messages);
  await work("fillFollowed", "followed", followedMessages);
  const found: object[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const [name, count] of [
      ["rooms", 1],
      ["last50", queries],
      ["history", 1],
    ] as const) {
      found.push({ round, name, ...(await work(name, "rooms", count)) });
    }
    found.push({ round, name: "resume", ...(await work("resume", "followed")) });
    for (const rooms of [1, 100, 10_000]) {
      found.push({ round, name: "write", ...(await work("write", `${round}-${rooms}`, rooms)) });
    }
  }
  progress.clear();
  process.stdout.write(`${JSON.stringify(found, undefined, 2)}\n`);
} finally {
  await rm(dir, { recursive: true, force: true });
  await build.remove();
}
