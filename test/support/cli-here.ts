import { EventEmitter, once } from "node:events";
import { Readable } from "node:stream";
import { onTestFinished, vi } from "vitest";
import { runChatter } from "../../src/program/program.js";
import type { CliOptions, CliResult } from "./cli.js";
import { tempDir } from "./temp-dir.js";

/*
 * Commands inside the test's own process, one at a time, which is much faster than a process for
 * each: whatever affects more than the command itself (the exit status, a closed pipe, memory, a
 * terminal) is tested with processes.
 */

/** Runs a command to its end. */
export function runHere(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startHere(args, options).ended;
}

/** A command under way. */
export interface CommandHere {
  readonly ended: Promise<CliResult>;
  /** Resolves to standard output when the text is in it; rejects if it ends before. */
  printed(text: string): Promise<string>;
  /** Standard error so far. */
  stderr(): string;
  /** Resolves when the text is in standard error; rejects if it ends before. */
  reported(text: string): Promise<string>;
  /** Ctrl+C; done after the test in any case. */
  interrupt(): void;
}

/** Starts a command. */
export function startHere(
  args: readonly string[],
  { input = "", env = {} }: CliOptions = {},
): CommandHere {
  const output = { stdout: "", stderr: "" };
  const changes = new EventEmitter();
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      output[name] += text;
      changes.emit("output");
      return true;
    }),
  );
  const chunks = typeof input === "string" ? [Buffer.from(input)] : input;
  const stdin = Readable.from(chunks, { objectMode: false });
  const mockStdin = vi
    .spyOn(process, "stdin", "get")
    .mockReturnValue(stdin as typeof process.stdin);
  setEnvironment({ HOME: tempDir(), ...env });
  let isOver = false;
  const ended = runChatter(args)
    .then((status) => ({ status, ...output }))
    .finally(() => {
      isOver = true;
      for (const spy of [...spies, mockStdin]) {
        spy.mockRestore();
      }
      vi.unstubAllEnvs();
      changes.emit("output");
    });
  const interrupt = () => {
    if (!isOver) {
      process.emit("SIGINT");
    }
  };
  onTestFinished(async () => {
    interrupt();
    await ended;
  });
  async function shows(name: keyof typeof output, text: string): Promise<string> {
    for (let seen = 0; !output[name].includes(text, seen); ) {
      if (isOver) {
        throw new Error(`${JSON.stringify(text)} was not printed: ${JSON.stringify(output)}`);
      }
      seen = Math.max(0, output[name].length - text.length);
      await once(changes, "output");
    }
    return output[name];
  }
  return {
    ended,
    interrupt,
    stderr: () => output.stderr,
    printed: (text) => shows("stdout", text),
    reported: (text) => shows("stderr", text),
  };
}

/** Nothing of the developer's own settings and tokens. */
function setEnvironment(env: Record<string, string>): void {
  for (const name of Object.keys(process.env)) {
    if (name.startsWith("CHATTER_") || name.startsWith("XDG_")) {
      vi.stubEnv(name, undefined);
    }
  }
  for (const [name, value] of Object.entries(env)) {
    vi.stubEnv(name, value);
  }
}
