import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEachTest } from "./clean-up.js";
import { compiled } from "./compiled.js";

/** `chatter serve` as a process of its own. */
export interface ServeProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** What it has written to standard error so far. */
  readonly errors: () => string;
  /** Sends the signal and resolves to the exit status and the signal it died of. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: string | null }>;
}

const program = compiled("src/program/main");
const running = new Set<ChildProcess>();

afterEachTest(async () => {
  for (const child of running) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) {
      await once(child, "exit");
    }
  }
  running.clear();
});

/** Variables of the tests' own environment that would change what a server does. */
export function cleanEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const rest = Object.entries(process.env).filter(
    ([name]) => !name.startsWith("CHATTER_") && !name.startsWith("npm_"),
  );
  return { ...Object.fromEntries(rest), ...more };
}

/**
 * Starts `chatter serve --port 0 …`, or `--listen …` if that is given, and resolves when it
 * listens; killed after the test.
 * Rejects with what it wrote to standard error if it ends before.
 *
 * @param args more arguments, such as "--demo", "--data-dir", folder
 * @param stderr a file that standard error goes to, in place of `errors`
 */
export async function startServe(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  stderr?: number,
): Promise<ServeProcess> {
  const port = args.includes("--listen") ? [] : ["--port", "0"];
  const child = spawn(process.execPath, [program, "serve", ...port, ...args], {
    env: cleanEnvironment(environment),
    stdio: ["ignore", "pipe", stderr ?? "pipe"],
  });
  running.add(child);
  let output = "";
  let errors = "";
  child.stderr?.on("data", (chunk) => {
    errors += chunk;
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout!.on("data", (chunk) => {
      output += chunk;
      const url = /^chatter is listening on (\S+)$/m.exec(output)?.[1];
      if (url) {
        resolve(url);
      }
    });
    child.once("exit", (code) => reject(new Error(`serve ended with ${code}: ${errors}`)));
  });
  return {
    url,
    child,
    errors: () => errors,
    async stop(signal = "SIGTERM") {
      const ended = once(child, "exit");
      child.kill(signal);
      const [code, by] = await ended;
      running.delete(child);
      return { code, signal: by };
    },
  };
}
