import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { settings } from "../../src/server/settings/settings.js";
import { chatterBin, cliEnv, runCli } from "../support/cli.js";
import { needProgram } from "../support/need-program.js";
import { cleanEnvironment } from "../support/serve.js";
import { tempDir } from "../support/temp-dir.js";

const unitPath = (name: string) =>
  fileURLToPath(new URL(`../../examples/systemd/${name}`, import.meta.url));
const path = unitPath("chatter.service");
const unit = readFileSync(path, "utf8");
const template = readFileSync(unitPath("chatter@.service"), "utf8");

/** The values of a setting, in order. */
const valuesOf = (name: string, text = unit) =>
  [...text.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value]) => value!);

test.for([
  ["chatter.service", unit],
  ["chatter@1.service", template],
] as const)("systemd understands the unit %s", ([name, text], context) => {
  needProgram("systemd-analyze", context);
  // With programs that this machine has.
  const here = join(tempDir(), name);
  writeFileSync(here, text.replace(/\/usr\/bin\/node|\/bin\/kill/g, process.execPath));
  const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", here], {
    encoding: "utf8",
  });
  // Of other units on the machine it may have something to say.
  const said = `${stdout}${stderr}`.split("\n").filter((line) => line.includes(name));
  expect({ status, said }).toEqual({ status: 0, said: [] });
});

test("systemd finds little that is left open", (context) => {
  needProgram("systemd-analyze", context);
  // 2.0 of 10; a unit without any of this has 9.6.
  const args = ["security", "--offline=true", "--no-pager", "--threshold=20", path];
  const { status, stdout } = spawnSync("systemd-analyze", args, { encoding: "utf8" });
  expect(status, stdout).toBe(0);
});

test("the template is the unit, but for what each server has of its own and what they share", () => {
  const lines = (text: string) => text.split("\n").filter((line) => !line.startsWith("#"));
  const added = lines(template).filter((line) => !lines(unit).includes(line));
  expect(lines(unit).filter((line) => !lines(template).includes(line))).toHaveLength(3);
  expect(added).toEqual([
    "Description=Chatter, a streaming message service (%i)",
    "Environment=CHATTER_DATA_DIR=%S/chatter-%i",
    "Environment=CHATTER_LOG=nats://127.0.0.1:4222",
    "Environment=CHATTER_REUSE_PORT=1",
    "Environment=CHATTER_METRICS_ADDRESS=127.0.0.1:910%i",
    "StateDirectory=chatter-%i",
  ]);
});

test("its variables are settings, and it waits longer than the drain takes", () => {
  const variables = [...valuesOf("Environment"), ...valuesOf("Environment", template)].map(
    (value) => value.split("=")[0]!,
  );
  const known = Object.values(settings).map(({ variable }) => variable);
  expect(variables.filter((name) => name.startsWith("CHATTER_") && !known.includes(name))).toEqual(
    [],
  );
  const grace = valuesOf("Environment").find((value) => value.startsWith("CHATTER_SHUTDOWN_GRACE"));
  expect(Number(valuesOf("TimeoutStopSec")[0])).toBeGreaterThan(Number(grace!.split("=")[1]));
});

test("a key is not in the environment, nor in the unit", () => {
  expect(unit).not.toMatch(/CHATTER_SIGNING_KEY=|-----BEGIN|--token|password/i);
  expect(valuesOf("LoadCredential")).toEqual(["signing-key:/etc/chatter/signing-key"]);
});

/** Node asks for these when it starts, and does without: here it is refused, as by the unit. */
const dispensable = ["io_uring_setup", "pkey_alloc"];

test("a server at work needs no system call that the unit forbids", async (context) => {
  needProgram("systemd-analyze", context);
  needProgram("strace", context);
  const dir = tempDir();
  const trace = join(dir, "trace");
  const refusals = `inject=${dispensable.join(",")}:error=EPERM`;
  const args = ["-f", "-qq", "-e", refusals, "-o", trace, process.execPath, chatterBin];
  const data = join(dir, "data");
  const server = spawn(
    "strace",
    [...args, "serve", "--demo", "--port", "0", "--data-dir", data, "--log-level", "error"],
    { env: cleanEnvironment(), detached: true },
  );
  onTestFinished(() => {
    if (server.exitCode === null && server.signalCode === null) {
      process.kill(-server.pid!, "SIGKILL");
    }
  });
  const [line] = await once(server.stdout, "data");
  const env: Record<string, string> = { CHATTER_URL: /http\S+/.exec(String(line))![0] };
  const login = await runCli(["login", "--user", "goa", "--password", "rocks"], { env });
  env.CHATTER_TOKEN = login.stdout.trim();
  expect((await runCli(["summary"], { env, input: "one\ntwo\n" })).status).toBe(0);
  expect((await runCli(["history", "--protocol", "ws"], { env })).status).toBe(0);
  const ended = once(server, "exit");
  process.kill(-server.pid!, "SIGTERM");
  await ended;

  const used = new Set(
    [...readFileSync(trace, "utf8").matchAll(/^\d+ +([a-z]\w*)\(/gm)].map(([, name]) => name!),
  );
  expect(used.size).toBeGreaterThan(20);
  const [allowed, denied] = valuesOf("SystemCallFilter").map((value) =>
    callsOf(value.replace("~", "").split(" ")),
  );
  const forbidden = [...used].filter((name) => !allowed!.has(name) || denied!.has(name));
  expect(forbidden.filter((name) => !dispensable.includes(name))).toEqual([]);
});

/** The system calls of groups such as @system-service. */
function callsOf(names: readonly string[]): Set<string> {
  const calls = new Set<string>();
  for (const name of names) {
    if (!name.startsWith("@")) {
      calls.add(name);
      continue;
    }
    const text = execFileSync("systemd-analyze", ["syscall-filter", name], {
      encoding: "utf8",
      env: cliEnv(),
    });
    const members = text
      .split("\n")
      .slice(1)
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#"));
    for (const call of callsOf(members)) {
      calls.add(call);
    }
  }
  return calls;
}
