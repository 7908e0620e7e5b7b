import { chmodSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { clientVariables } from "../../src/cli/variables.js";
import { settings } from "../../src/server/settings/settings.js";
import { parseLines } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { tempDir } from "../support/temp-dir.js";

interface Row {
  readonly flag: string | null;
  readonly variable: string;
  readonly value: string | boolean | null;
  readonly source: string;
}

async function configOf(args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = await runHere(["config", ...args], { env });
  const rows = new Map(
    parseLines<Row & Record<string, unknown>>(stdout).map((row) => [row.variable, row]),
  );
  return { status, rows, stdout, stderr };
}

describe("chatter config", () => {
  test("prints every setting of chatter serve, and the key that has no flag", async () => {
    const { rows, status, stderr } = await configOf(["--demo"]);
    expect([...rows.keys()]).toEqual([
      ...Object.values(settings).map(({ variable }) => variable),
      "CHATTER_SIGNING_KEY",
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test("says where each value comes from, the flag before the variable", async () => {
    const { rows } = await configOf(["--demo", "--port", "1"], {
      CHATTER_PORT: "2",
      CHATTER_HOST: "::1",
      CHATTER_DATA_DIR: "",
    });
    const port = { flag: "--port", variable: "CHATTER_PORT", value: "1", source: "flag" };
    expect(rows.get("CHATTER_PORT")).toEqual(port);
    expect(rows.get("CHATTER_HOST")).toMatchObject({ value: "::1", source: "variable" });
    expect(rows.get("CHATTER_DATA_DIR")).toMatchObject({ value: "./data", source: "default" });
    expect(rows.get("CHATTER_DEMO")).toMatchObject({ value: true, source: "flag" });
    expect(rows.get("CHATTER_RETAIN_BYTES")).toMatchObject({ value: null, source: "default" });
  });

  test("hides the signing key, and names and passwords in URLs", async () => {
    const env = { CHATTER_SIGNING_KEY: "very-secret-".repeat(4), CHATTER_USERS_FILE: "users.json" };
    const { rows, stdout, stderr } = await configOf(
      ["--log", "nats://bob:pass-secret@a:4222,nats://token-secret@b:4222"],
      env,
    );
    expect(rows.get("CHATTER_SIGNING_KEY")).toMatchObject({
      value: "(hidden)",
      source: "variable",
    });
    expect(rows.get("CHATTER_LOG")!.value).toBe("nats://(hidden)@a:4222,nats://(hidden)@b:4222");
    expect(stdout + stderr).not.toContain("secret");
  });

  test.each([
    "nats://bob:first_secret@a:4222,ann:other_secret@b:4222",
    "nats://bob:half_secret,half_secret@a:4222",
    "nats://bob:half_secret@half_secret@a:4222",
    "nats://bob:half/secret@a:4222",
  ])("hides them in an address that is not written well: %s", async (log) => {
    const { stdout, stderr } = await configOf(["--demo", "--log", log]);
    expect(stdout).toContain("(hidden)@");
    expect(stdout + stderr).not.toContain("secret");
  });

  test("prints all and exits with 2 if the server would refuse it", async () => {
    const { status, rows, stderr } = await configOf(["--demo", "--port", "http"]);
    expect(rows.get("CHATTER_PORT")).toMatchObject({ value: "http", source: "flag" });
    expect(stderr).toMatch(/^chatter: --port \(CHATTER_PORT\) is "http": it must be/);
    expect(status).toBe(2);
  });

  test("is a table for people", async () => {
    const { stdout } = await runHere(["config", "--demo", "--output", "pretty"]);
    expect(stdout).toMatch(
      /^--host +CHATTER_HOST +default +"127\.0\.0\.1"\n--port +CHATTER_PORT +/,
    );
  });
});

describe("a variable that nobody reads", () => {
  test.each([
    ["CHATTER_PROT", "; did you mean CHATTER_PORT?"],
    ["CHATTER_DATADIR", "; did you mean CHATTER_DATA_DIR?"],
    ["CHATTER_SIGNINGKEY", "; did you mean CHATTER_SIGNING_KEY?"],
    ["CHATTER_TOKNE", "; did you mean CHATTER_TOKEN?"],
    ["CHATTER_COLOUR_OF_THE_SKY", ""],
  ])("%s is a warning", async (name, hint) => {
    const { stderr, status } = await configOf(["--demo"], { [name]: "secret" });
    expect(stderr).toBe(`chatter: ${name} is not a setting: ignored${hint}\n`);
    expect(status).toBe(0);
  });

  test("is none if it is a client's, a test's, or of Kubernetes", async () => {
    const { stderr } = await configOf(["--demo"], {
      ...Object.fromEntries(clientVariables.map((name) => [name, "jsonl"])),
      CHATTER_TEST_ROUNDS: "20",
      CHATTER_SERVICE_HOST: "10.0.0.1",
      CHATTER_SERVICE_PORT: "8080",
      CHATTER_SERVICE_PORT_HTTP: "8080",
      CHATTER_PORT_8080_TCP: "tcp://10.0.0.1:8080",
      CHATTER_PORT_8080_TCP_ADDR: "10.0.0.1",
      CHATTER_NATS_SERVICE_HOST: "10.0.0.2",
      CHATTER_NATS_PORT: "tcp://10.0.0.2:4222",
    });
    expect(stderr).toBe("");
  });

  test("is one for chatter serve too", async () => {
    const { stderr } = await runHere(["serve", "--port", "http"], { env: { CHATTER_HOSTS: "::" } });
    expect(stderr).toContain(
      "chatter: CHATTER_HOSTS is not a setting: ignored; did you mean CHATTER_HOST?",
    );
  });

  test("is none of those that a command's help names", async () => {
    for (const command of ["login", "chat", "history", "echoer", "token issue", "user list"]) {
      const { stdout } = await runHere([...command.split(" "), "--help"]);
      const named = [...stdout.matchAll(/env:\s+(CHATTER_\w+)/g)].map(([, name]) => name!);
      const known = [
        ...Object.values(settings).map(({ variable }) => variable),
        ...clientVariables,
      ];
      expect(known).toEqual(expect.arrayContaining(named));
    }
  });
});

describe("chatter config exits with 2 for a file that the server would refuse", () => {
  const key = "k".repeat(32);

  /** A folder with good files, and bad ones. */
  function folder(): string {
    const dir = tempDir();
    const files = { users: `{"users": []}`, key, short: "k", broken: "{", group: key };
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(dir, name), text);
    }
    chmodSync(join(dir, "group"), 0o620);
    return dir;
  }

  const good = ["--users-file", "users", "--signing-key-file", "key"];

  test.each<[string, string[], RegExp]>([
    ["users", ["--users-file", "none", "--signing-key-file", "key"], /none/],
    ["users", ["--users-file", "broken", "--signing-key-file", "key"], /broken/],
    ["keys", ["--users-file", "users", "--signing-key-file", "short"], /at least 32/],
    ["keys", ["--users-file", "users", "--signing-key-file", "group"], /group/],
    ["revocations", [...good, "--revocations-file", "broken"], /broken/],
    ["certificates", [...good, "--tls-cert", "none", "--tls-key", "key"], /none/],
    ["NATS", [...good, "--log", "nats://a:4222", "--nats-credentials-file", "none"], /none/],
  ])("%s: %j", async (_, args, reason) => {
    const dir = folder();
    const inDir = args.map((arg) => (/^(--|nats:)/.test(arg) ? arg : join(dir, arg)));
    const { status, stderr, rows } = await configOf(inDir);
    expect(rows.size).toBeGreaterThan(40);
    expect(stderr).toMatch(/^chatter: [^\n]+\nTry: chatter config --help\n$/);
    expect(stderr).toMatch(reason);
    expect(status).toBe(2);
  });

  test("and changes nothing, nor needs the port, the log or NATS", async () => {
    const dir = folder();
    const files = ["--users-file", join(dir, "users"), "--signing-key-file", join(dir, "key")];
    const before = readdirSync(dir);
    for (const args of [files, [...files, "--log", "nats://127.0.0.1:1"], ["--demo"]]) {
      const data = join(dir, "data");
      expect(await configOf([...args, "--data-dir", data])).toMatchObject({
        status: 0,
        stderr: "",
      });
    }
    expect(readdirSync(dir)).toEqual(before);
  });
});
