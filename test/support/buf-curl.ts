import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const buf = fileURLToPath(new URL("../../node_modules/.bin/buf", import.meta.url));

/** What buf said, each line of its output as JSON. */
export interface Curled {
  readonly status: number | null;
  readonly answers: unknown[];
  readonly errors: string;
}

/**
 * Runs `buf curl`.
 *
 * @param enough after this many answers it is interrupted (Ctrl-C): for streams without an end
 */
export function bufCurl(
  args: readonly string[],
  input = "",
  enough = Number.POSITIVE_INFINITY,
): Promise<Curled> {
  const child = spawn(buf, ["curl", "--http2-prior-knowledge", "--emit-defaults", ...args], {
    cwd: root,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  // npm's launcher hands no signal on to the program: both get it, as from a terminal.
  const signal = (name: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) {
      process.kill(-child.pid!, name);
    }
  };
  onTestFinished(() => signal("SIGKILL"));
  let output = "";
  let errors = "";
  const answers = () =>
    output
      .split(/\n(?=\{)/)
      .filter((text) => text.trimEnd().endsWith("}"))
      .map((text) => JSON.parse(text));
  child.stdout.on("data", (chunk) => {
    output += chunk;
    if (answers().length >= enough) {
      signal("SIGINT");
    }
  });
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, answers: answers(), errors }));
  });
}
