import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Limits } from "../../src/server/limits/limits.js";
import { compiled } from "./compiled.js";
import { cleanEnvironment } from "./serve.js";

/** How a server of a process of its own is made. */
export interface ServerProcessOptions {
  readonly limits?: Partial<Omit<Limits, "onRefused">>;
  /** Between pings, of HTTP/2 and of WebSockets. Default: the server's own. */
  readonly pingIntervalMs?: number;
  /** Default: the server's own. */
  readonly handshakeTimeoutMs?: number;
  /** Folder of a log on the disk. Default: the log is in memory. */
  readonly dir?: string;
  /** Texts of this many bytes, stored before it listens. Default: none. */
  readonly stored?: { readonly count: number; readonly bytes: number };
}

/** What a server holds, after its garbage was collected. */
export interface ServerState {
  /** What JavaScript holds, buffers too, in MB. */
  readonly heapMb: number;
  /** What the system counts, in MB. */
  readonly rssMb: number;
  readonly openCalls: number;
  readonly connections: number;
  /** Timers that hold the process. */
  readonly timers: number;
  /** The calls that failed by a fault of the server's own, as its log has them. */
  readonly faults: readonly object[];
  /** How often each limit has refused something. */
  readonly refused: Readonly<Record<string, number>>;
}

/** A server in a process of its own, so that its memory can be measured. */
export interface ServerProcess {
  readonly url: string;
  /** Of "goa", who may read and write. */
  readonly token: string;
  readonly headers: { readonly authorization: string };
  state(): Promise<ServerState>;
  /** The same at once, with the garbage: does not hold others up. */
  look(): Promise<ServerState>;
  /** Kills it. */
  readonly stop: () => Promise<void>;
}

const main = compiled("test/support/server-process-main");

/** Starts one. Give its `stop` back from `beforeAll`, so that it is called at the end. */
export async function startServerProcess(
  options: ServerProcessOptions = {},
): Promise<ServerProcess> {
  const child = fork(main, [JSON.stringify(options)], {
    execArgv: ["--expose-gc"],
    env: cleanEnvironment(),
  });
  watchMemory(child);
  const { url, token } = await answer<{ url: string; token: string }>(child);
  return {
    url,
    token,
    headers: { authorization: `Bearer ${token}` },
    state() {
      child.send("state");
      return answer<ServerState>(child);
    },
    look() {
      child.send("look");
      return answer<ServerState>(child);
    },
    stop: () => kill(child),
  };
}

/** A server that takes more than this is killed, before it takes the machine, in MB. */
const mostRssMb = 1500;

/** Kills a server that takes too much memory: one that hangs in native code cannot itself. */
function watchMemory(child: ChildProcess): void {
  const timer = setInterval(() => {
    if (rssMbOf(child.pid!) > mostRssMb) {
      console.error(`the server's process took more than ${mostRssMb} MB, and was killed`);
      child.kill("SIGKILL");
    }
  }, 100).unref();
  child.once("exit", () => clearInterval(timer));
}

/** What the system counts of a process; 0 where it does not tell. */
function rssMbOf(pid: number): number {
  try {
    const [, kib = "0"] =
      /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kib) / 1024;
  } catch {
    return 0;
  }
}

async function answer<T>(child: ChildProcess): Promise<T> {
  const ended = new AbortController();
  const onExit = () => ended.abort(new Error("the server's process has ended"));
  child.once("exit", onExit);
  try {
    const [message] = await once(child, "message", { signal: ended.signal });
    return message;
  } finally {
    child.off("exit", onExit);
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}
