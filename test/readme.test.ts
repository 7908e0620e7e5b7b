import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { startChatter } from "./support/chatter-server.js";
import { cleanEnvironment } from "./support/serve.js";
import { tempDir } from "./support/temp-dir.js";

const root = dirname(fileURLToPath(new URL(".", import.meta.url)));
const readme = readFileSync(join(root, "README.md"), "utf8");

const children = new Set<ChildProcess>();

afterEach(async () => {
  for (const child of children) {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      process.kill(-child.pid!, "SIGKILL");
      await ended;
    }
  }
  children.clear();
});

/** A shell, or npm, with its children in a group of their own. */
function run(
  command: string,
  args: string[],
  environment: NodeJS.ProcessEnv,
  cwd = root,
): ChildProcess {
  const child = spawn(command, args, {
    cwd,
    env: environment,
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.add(child);
  return child;
}

describe("the README", () => {
  test("its first command's second half starts a server that says where it listens", async () => {
    expect(readme).toContain("npm ci && npm start\n");
    const child = run(
      "npm",
      ["start", "--", "--port", "0", "--data-dir", tempDir()],
      cleanEnvironment(),
    );
    let output = "";
    child.stdout!.on("data", (chunk) => {
      output += chunk;
    });
    await vi.waitFor(() => expect(output).toMatch(/^chatter is listening on http:\S+$/m), 20_000);
    const url = /^chatter is listening on (http:\S+)$/m.exec(output)![1]!;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    // npm hands the signal on, and ends by it itself; "close" is the end of the server too.
    child.kill("SIGTERM");
    await once(child, "close");
    await expect(fetch(`${url}/readyz`)).rejects.toThrow();
  });

  test("every command of its tour does what is shown", { timeout: 120_000 }, async () => {
    const server = await startChatter();
    const environment = cleanEnvironment({ CHATTER_URL: server.url });
    const steps = tourSteps(server.url);
    expect(steps.length).toBeGreaterThan(5);
    const second = new Terminal(run("bash", ["--norc"], environment));
    const third = new Terminal(run("bash", ["--norc"], environment));
    await third.run(steps[0]!.command); // "Log in there too."
    for (const step of steps) {
      if (step.terminal === "third") {
        third.start(step.command);
        await vi.waitFor(() => expect(server.chatter.openCalls).toBe(1), 20_000);
        continue;
      }
      const output = await second.run(step.command);
      expect(output, step.command).toMatch(step.shows);
      if (step.thirdShows) {
        await vi.waitFor(() => expect(third.output).toMatch(step.thirdShows!), 10_000);
      }
    }
  });
});

test("the commands of Start in docs/operations.md do it, as they stand", {
  timeout: 60_000,
}, async () => {
  const start = readFileSync(join(root, "docs/operations.md"), "utf8").split("\n## Start\n")[1]!;
  const commands = /```sh\nnpm ci\n([\s\S]*?)```/.exec(start)![1]!;
  const checkout = tempDir();
  for (const name of ["package.json", "bin", "node_modules"]) {
    symlinkSync(join(root, name), join(checkout, name));
  }
  const environment = cleanEnvironment({ CHATTER_PORT: "0" });
  const shell = run("bash", ["-e", "-c", commands], environment, checkout);
  let output = "";
  shell.stdout!.on("data", (chunk) => {
    output += chunk;
  });
  await vi.waitFor(() => expect(output).toMatch(/^chatter is listening on http:\S+$/m), 40_000);
  const url = /^chatter is listening on (http:\S+)$/m.exec(output)![1]!;
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect(readdirSync(checkout)).toEqual(
    expect.arrayContaining(["users.json", "keys.json", "data"]),
  );
});

interface Step {
  readonly command: string;
  readonly terminal: "second" | "third";
  shows: RegExp;
  thirdShows?: RegExp;
}

/** The tour's commands, each with what the README shows after it. */
function tourSteps(url: string): Step[] {
  const tour = readme.split("\n## A tour\n")[1]!.split("\n## ")[0]!;
  const steps: Step[] = [];
  for (const [, comment, language, body] of tour.matchAll(
    /(?:<!-- (.*?) -->\n)?```(\w+)\n([\s\S]*?)```/g,
  )) {
    if (language === "sh") {
      steps.push({
        command: body!.replaceAll("http://localhost:8080", url),
        terminal: comment === "third terminal" ? "third" : "second",
        shows: /^$/,
      });
    } else if (language === "json") {
      const step = steps.at(-1)!;
      if (comment === "third terminal shows") {
        step.thirdShows = pattern(body!);
      } else {
        step.shows = pattern(body!);
      }
    }
  }
  return steps;
}

/** The text as it is shown, where "…" stands for anything in one line. */
function pattern(shown: string): RegExp {
  const escaped = shown.trim().replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("…", ".+?")}\\s*$`);
}

const mark = "-- the command has ended --";

/** A shell that is typed into. */
class Terminal {
  output = "";
  readonly #shell: ChildProcess;

  constructor(shell: ChildProcess) {
    this.#shell = shell;

    shell.stdout!.setEncoding("utf8").on("data", (chunk) => {
      this.output += chunk;
    });
  }

  start(command: string): void {
    this.output = "";
    // Commands must not read what is typed for the next one.
    this.#shell.stdin!.write(`{\n${command}\n} < /dev/null\n`);
  }

  async run(command: string): Promise<string> {
    this.start(`${command}\necho '${mark}'`);
    await vi.waitFor(() => expect(this.output).toContain(mark), { timeout: 30_000, interval: 50 });
    return this.output.replace(`${mark}\n`, "");
  }
}
