import { execFile } from "node:child_process";
import { compiled } from "./compiled.js";
import { cleanEnvironment } from "./serve.js";

const program = compiled("src/program/main");

/** What `chatter serve` says, and its exit status, when it cannot start. */
export function runServe(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<{ status: number; output: string; errors: string }> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [program, "serve", ...args],
      { env: cleanEnvironment(environment), timeout: 20_000 },
      (error, output, errors) => {
        if (error?.killed) {
          reject(new Error(`serve ${args.join(" ")} did not end: ${output}${errors}`));
        } else {
          resolve({ status: Number(error?.code ?? 0), output, errors });
        }
      },
    );
  });
}
