/* Programs that `go install` has put into Go's folder. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/**
 * Resolves to the path of an installed program, or its name if it is on the PATH; undefined if it is
 * not here, or `isRight` says no to what is here.
 */
export async function findGoProgram(
  name: string,
  isRight: (path: string) => Promise<boolean>,
): Promise<string | undefined> {
  const folders = (await go("env", "GOBIN", "GOPATH"))?.split("\n");
  const installed = folders && (folders[0] || join(folders[1]!, "bin"));
  for (const candidate of [installed && join(installed, name), name]) {
    if (candidate && (await isRight(candidate))) {
      return candidate;
    }
  }
  return undefined;
}

/** What a command of `go` prints; undefined if it fails or Go is not here. */
export const go = (...args: string[]) => output("go", ...args);

/** What a command prints; undefined if it fails or is not here. */
export async function output(command: string, ...args: string[]): Promise<string | undefined> {
  try {
    return (await promisify(execFile)(command, args)).stdout.trimEnd();
  } catch {
    return undefined;
  }
}

/**
 * Ends the process because a program is not here: with a line that says how to install it, and as a
 * failure where every test must run.
 */
export function exitWithout(program: string, installation: string): never {
  const isNeeded = Boolean(process.env.CHATTER_TEST_REQUIRE_ALL);
  process.stderr.write(
    `${isNeeded ? "failed" : "skipped"}: ${program} is not installed: ${installation}\n`,
  );
  process.exit(isNeeded ? 1 : 0);
}
