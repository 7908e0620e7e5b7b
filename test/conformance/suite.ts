/* The suite's program: where it is, and a run of it. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findGoProgram, go, output } from "./go-programs.js";

const version = "v1.0.7";
const suite = "connectrpc.com/conformance";

/** How to get it, for people. */
export const installation = `GOTOOLCHAIN=auto go install ${suite}/cmd/connectconformance@${version}`;

/** Resolves to the path of the suite's program; undefined if it is not here, or another version. */
export function findSuite(): Promise<string | undefined> {
  return findGoProgram("connectconformance", async (path) =>
    Boolean((await output(path, "--version"))?.endsWith(` ${version}`)),
  );
}

/** Resolves to the folder with the definitions of the suite's messages, in Go's module cache. */
export async function findProtos(): Promise<string> {
  // The installation has brought it; if the cache was emptied since, this brings it again.
  const module = await go("mod", "download", "-json", `${suite}@${version}`);
  if (module === undefined) {
    throw new Error(
      `go cannot find ${suite}@${version}, which has the definitions of the messages`,
    );
  }
  return join((JSON.parse(module) as { Dir: string }).Dir, "proto");
}

export interface SuiteRun {
  /** The arguments of the suite's program. */
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Milliseconds after which the run is stopped. */
  readonly limitMs: number;
  /** Gets each line that the suite prints and that is no figure: what has failed, and why. */
  readonly onLine: (line: string) => void;
}

/** How many cases came out how. */
export interface Totals {
  /** All that the configuration has. */
  readonly cases: number;
  readonly passed: number;
  readonly failed: number;
  /** Failed, as the list of known failures says. */
  readonly knownFailing: number;
  /** Left out, or without an outcome because the client ended. */
  readonly notRun: number;
}

export interface Outcome {
  /** Undefined if the suite said nothing: it was stopped, or it could not begin. */
  readonly totals: Totals | undefined;
  /** The names of the cases that failed, but for those that are known to. */
  readonly failedCases: readonly string[];
  /** Whether the suite was content. */
  readonly isGood: boolean;
  /** Whether the limit ended it. */
  readonly isStopped: boolean;
  /** How long it took, in milliseconds. */
  readonly tookMs: number;
}

/** Runs the suite once. */
export async function runSuite(
  path: string,
  { args, environment, limitMs, onLine }: SuiteRun,
): Promise<Outcome> {
  const begin = performance.now();
  const child = spawn(path, args, {
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // A group of its own, so that the programs under test end with it.
  });
  let isStopped = false;
  const endGroup = () => {
    try {
      process.kill(-child.pid!, "SIGKILL");
    } catch {
      // All of it has ended.
    }
  };
  const limit = setTimeout(() => {
    isStopped = true;
    endGroup();
  }, limitMs);
  process.once("exit", endGroup);
  const figures: Record<string, number> = {};
  const failedCases: string[] = [];
  const read = async (stream: NodeJS.ReadableStream) => {
    for await (const line of createInterface({ input: stream })) {
      const found = figuresOf(line);
      if (found) {
        Object.assign(figures, found);
      } else {
        const failed = /^FAILED: (.+):$/.exec(line);
        if (failed) {
          failedCases.push(failed[1]!);
        }
        onLine(line);
      }
    }
  };
  const status = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  try {
    await Promise.all([read(child.stdout), read(child.stderr), status]);
  } finally {
    clearTimeout(limit);
    endGroup();
    process.removeListener("exit", endGroup);
  }
  const { cases = 0, passed, failed = 0, knownFailing = 0, withoutOutcome = 0 } = figures;
  return {
    totals:
      passed === undefined
        ? undefined
        : { cases, passed, failed, knownFailing, notRun: cases - passed - failed - knownFailing },
    failedCases,
    isGood: (await status) === 0 && withoutOutcome === 0,
    isStopped,
    tookMs: performance.now() - begin,
  };
}

/** The lines that have figures, and the figures in their order. */
const figureLines: readonly (readonly [pattern: RegExp, names: readonly string[]])[] = [
  [/^Computed (\d+) test case permutation/, ["cases"]],
  [/^(\d+) passed, (\d+) failed$/, ["passed", "failed"]],
  [/^\(Another (\d+) failed as expected/, ["knownFailing"]],
  [/^Another (\d+) could not be run/, ["withoutOutcome"]],
];

function figuresOf(line: string): Record<string, number> | undefined {
  for (const [pattern, names] of figureLines) {
    const found = pattern.exec(line);
    if (found) {
      return Object.fromEntries(names.map((name, i) => [name, Number(found[i + 1])]));
    }
  }
  return undefined;
}
