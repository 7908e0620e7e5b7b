import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runServe } from "../support/run-serve.js";
import { sharesPorts } from "../support/shares-ports.js";
import { tempDir } from "../support/temp-dir.js";

/** Arguments, the message, and the exit status: 2 for wrong usage, 1 for everything else. */
type Refusal = [string, () => readonly string[], RegExp, status: number, NodeJS.ProcessEnv?];

const taken = createServer();
let folder = "";

beforeAll(async () => {
  folder = tempDir();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  await writeFile(join(folder, "short"), "x".repeat(31));
  await writeFile(join(folder, "users.json"), `{"users": []}`);
});

afterAll(() => {
  taken.close();
});

function takenPort(): string {
  return String((taken.address() as { port: number }).port);
}

const demo = ["--demo", "--log", "memory", "--data-dir"];

const refusals: Refusal[] = [
  ["no accounts", () => [], /no accounts: give --users-file .* or --demo/, 2],
  ["no key", () => ["--users-file", join(folder, "users.json")], /no signing key/, 2],
  ["a demo for everybody", () => ["--demo", "--host", "0.0.0.0"], /--demo .*--host 0\.0\.0\.0/, 2],
  ["a demo with accounts", () => ["--demo", "--users-file", "x"], /--demo has its own account/, 2],
  [
    "a short key",
    () => ["--users-file", join(folder, "users.json"), "--signing-key-file", join(folder, "short")],
    /31 bytes.*at least 32/,
    1,
  ],
  ["an invalid port", () => ["--demo", "--port", "http"], /--port .*0 to 65535/, 2],
  ["a port too high", () => ["--demo", "--port", "65536"], /--port .*0 to 65535/, 2],
  [
    "a port in use",
    () => [...demo, folder, "--port", takenPort()],
    /port \d+: address already in use/,
    1,
  ],
  [
    "a port that it cannot share",
    () => ["--demo", "--reuse-port"],
    sharesPorts
      ? /--reuse-port is for servers that share their log: give --log nats:/
      : /--reuse-port needs Node.js 22.12 or newer, and this is \d/,
    2,
  ],
  ["an invalid flag", () => ["--demo", "--colour"], /unknown option '--colour'/, 2],
  [
    "two keys",
    () => ["--users-file", "u", "--signing-key-file", "k"],
    /either --signing-key-file or CHATTER_SIGNING_KEY, not both/,
    2,
    { CHATTER_SIGNING_KEY: "s".repeat(32) },
  ],
];

describe("chatter serve refuses to start with", () => {
  test.concurrent.each(refusals)("%s", async (_, args, reason, status, environment) => {
    const ended = await runServe(args(), environment);
    expect(ended.output).toBe("");
    expect(ended.errors).toMatch(reason);
    // One line that says what is wrong; after wrong usage a hint in one more.
    const lines = ended.errors.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^chatter: /);
    expect(lines).toHaveLength(status === 2 ? 2 : 1);
    expect(ended.status).toBe(status);
  });
});

test.each([
  ["its port", (port: string) => ["--port", port]],
  [
    "the port of its metrics",
    (port: string) => ["--port", "0", "--metrics-address", `127.0.0.1:${port}`],
  ],
])("nothing is created when %s is in use", async (_, listenOn) => {
  const dir = join(folder, "new");
  const { status, errors } = await runServe([
    "--demo",
    "--data-dir",
    dir,
    ...listenOn(takenPort()),
  ]);
  expect(errors).toContain("address already in use");
  expect(status).toBe(1);
  expect(existsSync(dir)).toBe(false);
});
