import { execFileSync } from "node:child_process";

const tsx = import.meta.resolve("tsx");

/**
 * Runs a program, the text of a module that may import TypeScript, in a process of its own, and
 * returns the JSON that it printed.
 *
 * @param options of Node
 */
export function outputOf(program: string, options: readonly string[] = []): unknown {
  const args = [...options, "--import", tsx, "--input-type=module", "--eval", program];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
}
