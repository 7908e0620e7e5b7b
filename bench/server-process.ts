import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Usage } from "./servers/usage.js";

const startTimeoutMs = 30_000;
const stopTimeoutMs = 10_000;

/** A server in a process of its own. */
export interface ServerProcess {
  readonly port: number;
  /** Time from the start of the process until it listened. */
  readonly startMs: number;
  usage(): Promise<Usage>;
  /** Ends the process, and waits until it is gone. */
  stop(): Promise<void>;
}

export interface ServerProcessOptions {
  /** What to run: a module in Node.js, or a program that reports what it uses by itself. */
  readonly run: NodeModule | { readonly program: string };
  /** Whether to show its standard error. */
  readonly verbose: boolean;
}

export interface NodeModule {
  readonly module: string;
  readonly args?: readonly string[];
  /** The module that is loaded first: `servers/usage.ts`, built. */
  readonly usageModule: string;
  /** The Node.js that runs it. Default: this one. */
  readonly node?: string | undefined;
  /** A folder for its CPU profile. Default: none is recorded. */
  readonly profileTo?: string;
}

const running = new Set<ChildProcess>();

/** Kills every server that is still running. */
export function killServers(): void {
  for (const child of running) {
    child.kill("SIGKILL");
  }
}

/** Starts a server and waits until it reports its address. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const start = performance.now();
  const child = spawn(...commandOf(options.run), {
    // Chatter writes a line for each call to standard error: it is written, to nowhere.
    stdio: ["ignore", "pipe", options.verbose ? "inherit" : "ignore", "ipc"],
  });
  running.add(child);
  const gone = once(child, "exit").then(([code, signal]) => {
    running.delete(child);
    return new Error(`the server has ended (${signal ?? code})`);
  });
  const fail = gone.then((error) => Promise.reject(error));
  fail.catch(() => {});

  async function stop(): Promise<void> {
    const kill = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    if (child.connected) {
      child.send("stop");
    }
    await gone;
    clearTimeout(kill);
  }
  async function usage(): Promise<Usage> {
    const answer = once(child, "message");
    child.send("usage");
    const [found] = await Promise.race([answer, fail]);
    return found;
  }
  try {
    const port = await Promise.race([portOf(child), fail, timeout(startTimeoutMs)]);
    return { port, startMs: performance.now() - start, usage, stop };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

/** The program, and its arguments. */
function commandOf(run: ServerProcessOptions["run"]): [string, string[]] {
  if ("program" in run) {
    return [run.program, []];
  }
  const { module, args = [], usageModule, node = process.execPath, profileTo } = run;
  const profile = profileTo ? ["--cpu-prof", "--cpu-prof-dir", profileTo] : [];
  return [node, ["--import", usageModule, ...profile, module, ...args]];
}

function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    let said = "";
    child.stdout!.on("data", (chunk) => {
      said += chunk;
      const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (port !== undefined) {
        resolve(Number(port));
      }
    });
  });
}

/** Rejects after that time; does not keep the process alive. */
function timeout(ms: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`the server has not started in ${ms} ms`)), ms).unref();
  });
}
