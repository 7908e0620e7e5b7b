import { describe, expect, it } from "vitest";
import { clientVariables } from "../../src/client/cli/variables.js";
import { settings } from "../../src/server/settings/settings.js";
import { parseLines } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";

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
  it("prints every setting of chatter serve, and the key that has no flag", async () => {
    const { rows, status, stderr } = await configOf(["--demo"]);
    expect([...rows.keys()]).toEqual([
      ...Object.values(settings).map(({ variable }) => variable),
      "CHATTER_SIGNING_KEY",
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it("says where each value comes from, the flag before the variable", async () => {
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

  it("hides the signing key, and names and passwords in URLs", async () => {
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

  it.each([
    "nats://bob:first_secret@a:4222,ann:other_secret@b:4222",
    "nats://bob:half_secret,half_secret@a:4222",
    "nats://bob:half_secret@half_secret@a:4222",
    "nats://bob:half/secret@a:4222",
  ])("hides them in an address that is not written well: %s", async (log) => {
    const { stdout, stderr } = await configOf(["--demo", "--log", log]);
    expect(stdout).toContain("(hidden)@");
    expect(stdout + stderr).not.toContain("secret");
  });

  it("prints all and exits with 2 if the server would refuse it", async () => {
    const { status, rows, stderr } = await configOf(["--demo", "--port", "http"]);
    expect(rows.get("CHATTER_PORT")).toMatchObject({ value: "http", source: "flag" });
    expect(stderr).toMatch(/^chatter: --port \(CHATTER_PORT\) is "http": it must be/);
    expect(status).toBe(2);
  });

  it("is a table for people", async () => {
    const { stdout } = await runHere(["config", "--demo", "--output", "pretty"]);
    expect(stdout).toMatch(
      /^--host +CHATTER_HOST +default +"127\.0\.0\.1"\n--port +CHATTER_PORT +/,
    );
  });
});

describe("a variable that nobody reads", () => {
  it.each([
    ["CHATTER_PROT", "; did you mean CHATTER_PORT?"],
    ["CHATTER_DATADIR", "; did you mean CHATTER_DATA_DIR?"],
    ["CHATTER_SIGNINGKEY", "; did you mean CHATTER_SIGNING_KEY?"],
    ["CHATTER_TOKNE", "; did you mean CHATTER_TOKEN?"],
    ["CHATTER_COLOUR_OF_THE_SKY", ""],
  ])("%s is a warning", async (name, hint) => {
    const { stderr, status } = await configOf(["--demo"], { [name]: "secret" });
    expect(stderr).toBe(`chatter: ${name} is no setting: ignored${hint}\n`);
    expect(status).toBe(0);
  });

  it("is none if it is a client's, a test's, or of Kubernetes", async () => {
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

  it("is one for chatter serve too", async () => {
    const { stderr } = await runHere(["serve", "--port", "http"], { env: { CHATTER_HOSTS: "::" } });
    expect(stderr).toContain(
      "chatter: CHATTER_HOSTS is no setting: ignored; did you mean CHATTER_HOST?",
    );
  });

  it("is none of those that a command's help names", async () => {
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
