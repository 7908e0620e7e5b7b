import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { compiled } from "./compiled.js";

const poster = compiled("test/support/log-poster");

/** A process that posts to a log, see log-poster.ts. */
export interface Poster {
  readonly process: ChildProcess;
  /** What it has said so far, line by line. */
  readonly lines: string[];
  /** Resolves with the first line that matches; rejects if the process ends before. */
  line(pattern: RegExp): Promise<string>;
  /** Ends the process by SIGKILL and waits until it is gone. */
  kill(): Promise<void>;
}

/**
 * Starts log-poster.ts on a folder. `wrap` is a command line to run it by (strace, a shell
 * with a limit); `env` goes to the process.
 */
export function startPoster(
  dir: string,
  { wrap = [], env = {} }: { wrap?: string[]; env?: Record<string, string> } = {},
): Poster {
  const [command, ...args] = [...wrap, process.execPath, poster, dir];
  const child = spawn(command!, args, {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
    // A group of its own: the wrapper's child must not outlive the test.
    detached: true,
  });
  const ended = once(child, "exit");
  const lines: string[] = [];
  const watchers = new Set<() => void>();
  let rest = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
    for (const watcher of watchers) {
      watcher();
    }
  });
  const kill = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      process.kill(-child.pid!, "SIGKILL");
    }
    await ended;
  };
  onTestFinished(kill);
  return {
    process: child,
    lines,
    kill,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = lines.find((line) => pattern.test(line));
          if (found !== undefined) {
            watchers.delete(look);
            resolve(found);
          }
        };
        watchers.add(look);
        look();
        void ended.then(() => {
          watchers.delete(look);
          reject(new Error(`the process ended without ${pattern}: ${lines.slice(-3).join(" | ")}`));
        });
      }),
  };
}
