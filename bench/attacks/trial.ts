import { type ChildProcess, execFileSync, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Build } from "../build.js";
import { percentiles } from "../work.js";
import type { Attack } from "./attack.js";
import type { Seen } from "./bystander.js";

/** A server that holds more than this has failed; it is killed before it exhausts the machine. */
const mostRssMiB = 2048;

/** How long each part of a trial takes, in milliseconds. */
export interface TrialTimes {
  readonly before: number;
  readonly during: number;
  readonly after: number;
}

/** How the bystander was served in one part of a trial, in milliseconds. */
export interface Service {
  readonly p50: number;
  readonly p99: number;
  readonly failures: number;
}

/** The effect of an attack on the server, and on the bystander. */
export interface Trial {
  readonly attack: string;
  readonly title: string;
  readonly withToken: boolean;
  readonly before: Service;
  readonly during: Service;
  readonly after: Service;
  /** The server's memory, in MiB: before, maximum, and at the end. */
  readonly rssMiB: { readonly before: number; readonly most: number; readonly after: number };
  /** Why the server has failed: it ended, or it held more than 2 GiB. */
  readonly lost?: string;
}

const children = new Set<ChildProcess>();
const folders = new Set<string>();

/** Ends every process of a trial and removes its data, at once. */
export function abandonTrials(): void {
  for (const child of children) {
    child.kill("SIGKILL");
  }
  for (const folder of folders) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Runs one attack on a server of its own, beside a bystander. */
export async function runTrial(attack: Attack, build: Build, times: TrialTimes): Promise<Trial> {
  const folder = mkdtempSync(join(tmpdir(), "chatter-attack-"));
  folders.add(folder);
  try {
    const server = await startServer(build, folder);
    const bystander = start(build.file("bench/attacks/bystander.js"), [
      server.url,
      server.tokenOf("alice"),
    ]);
    await once(bystander, "message"); // The server is warm.
    await sleep(1500);
    await ask(bystander); // Waits for code to be compiled and connections to be made do not count.
    const rss = watchRss(server.child);
    const before = await serviceOf(bystander, times.before);
    const rssBefore = rss.now();

    const attacker = start(build.file("bench/attacks/attacker.js"), [
      attack.name,
      server.url.split(":").at(-1)!,
      server.tokenOf("mallory"),
    ]);
    // It stands for another machine: its CPU time is not to be taken from the server.
    setPriority(attacker.pid!, constants.priority.PRIORITY_LOW);
    const during = await serviceOf(bystander, times.during);
    attacker.kill("SIGKILL");
    await sleep(500);
    await ask(bystander);
    const after = await serviceOf(bystander, times.after);
    const { name, title, withToken } = attack;
    const lost = server.child.exitCode ?? server.child.signalCode;
    return {
      attack: name,
      title,
      withToken,
      before,
      during,
      after,
      rssMiB: { before: rssBefore, most: rss.most(), after: rss.now() },
      ...(lost !== null && { lost: rss.most() > mostRssMiB ? "memory" : `ended: ${lost}` }),
    };
  } finally {
    abandonTrials();
    folders.delete(folder);
  }
}

async function startServer(build: Build, folder: string) {
  const main = build.command;
  const keys = join(folder, "keys.json");
  const users = join(folder, "users.json");
  const run = (args: readonly string[], input?: string) =>
    execFileSync(process.execPath, [main, ...args], { input, encoding: "utf8" });
  run(["key", "new", "--signing-key-file", keys]);
  for (const name of ["alice", "mallory"]) {
    run(
      ["user", "add", name, "--users-file", users, "--scopes", "stream:read,stream:write"],
      `${name}-password`,
    );
  }
  const child = spawn(
    process.execPath,
    [
      main,
      ...["serve", "--port", "0", "--data-dir", join(folder, "data"), "--users-file", users],
      ...["--signing-key-file", keys],
    ],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  children.add(child);
  const ended = once(child, "exit").then(() => {
    throw new Error("the server has not started");
  });
  ended.catch(() => {});
  let said = "";
  while (!/ on (http:\S+)/.test(said)) {
    const [chunk] = await Promise.race([once(child.stdout!, "data"), ended]);
    said += chunk;
  }
  return {
    child,
    url: / on (http:\S+)/.exec(said)![1]!,
    tokenOf: (name: string) =>
      run(["token", "issue", name, "--signing-key-file", keys, "--token-lifetime", "86400"]).trim(),
  };
}

function start(module: string, args: readonly string[]): ChildProcess {
  const child = fork(module, [...args]);
  children.add(child);
  child.on("error", () => {}); // It is killed at the end, whatever it does.
  return child;
}

async function ask(bystander: ChildProcess): Promise<Seen> {
  const answer = once(bystander, "message");
  bystander.send("seen");
  return (await answer)[0] as Seen;
}

/** Lets time pass, and returns how the bystander was served meanwhile. */
async function serviceOf(bystander: ChildProcess, ms: number): Promise<Service> {
  await sleep(ms);
  const { posts, events, probes, failures, waitingMs } = await ask(bystander);
  const waits = [...posts, ...events, ...probes];
  // An unanswered post has waited at least this long.
  const { p50 = Number.NaN, p99 = Number.NaN } = percentiles(
    Float64Array.from(waitingMs > 0 ? [...waits, waitingMs] : waits),
  );
  return { p50: tenths(p50), p99: tenths(p99), failures: failures.length };
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/** Checks a process's memory ten times a second, and kills the process when it is too much. */
function watchRss(child: ChildProcess): { now(): number; most(): number } {
  let most = 0;
  const now = () => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      return 0; // It has ended.
    }
  };
  const timer = setInterval(() => {
    most = Math.max(most, now());
    if (most > mostRssMiB) {
      child.kill("SIGKILL");
    }
  }, 100);
  child.once("exit", () => clearInterval(timer));
  return { now, most: () => most };
}
