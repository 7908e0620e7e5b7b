import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { compiled } from "./compiled.js";
import { tempDir } from "./temp-dir.js";

/** The program. */
export const chatterBin = compiled("src/program/main");

/** How a command ended and what it printed. */
export interface CliResult {
  /** Undefined if a signal ended it. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Standard input, to its end. Default: empty. */
  readonly input?: string | Iterable<string | Uint8Array> | AsyncIterable<string>;
  /** Variables beside PATH and folders of its own for what it keeps. */
  readonly env?: Record<string, string>;
}

/** Runs a command to its end. */
export async function runCli(
  args: readonly string[],
  { input = "", env }: CliOptions = {},
): Promise<CliResult> {
  const cli = startCli(args, env);
  const fed = pipeline(Readable.from(typeof input === "string" ? [input] : input), cli.child.stdin);
  // A command that ends before it has read all of its input is a case, not a fault.
  fed.catch(() => undefined);
  return cli.ended;
}

/** A command under way. */
export interface RunningCli {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<CliResult>;
  /** Resolves to standard output when the text is in it; rejects if it ends before. */
  printed(text: string): Promise<string>;
}

/** Starts a command; its standard input stays open. */
export function startCli(args: readonly string[], env: Record<string, string> = {}): RunningCli {
  const child = spawn(process.execPath, [chatterBin, ...args], { env: cliEnv(env) });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  }
  const ended = once(child, "close").then(([status]) => ({
    status: status ?? undefined,
    ...output,
  }));
  return {
    child,
    ended,
    async printed(text) {
      while (!output.stdout.includes(text)) {
        if (child.stdout.readableEnded) {
          throw new Error(`${JSON.stringify(text)} was not printed: ${JSON.stringify(output)}`);
        }
        await Promise.race([once(child.stdout, "data"), ended]);
      }
      return output.stdout;
    },
  };
}

/** What a command runs in: nothing of the developer's own settings and tokens. */
export function cliEnv(env: Record<string, string> = {}): Record<string, string> {
  const home = env.HOME ?? tempDir();
  return { PATH: process.env.PATH ?? "", HOME: home, ...env };
}

/** The objects of output with one a line. */
export function parseLines<T = Record<string, unknown>>(output: string): T[] {
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}
