import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { runCli } from "../support/cli.js";
import { type MemoryServer, startFakeServer, startMemoryServer } from "../support/cli-server.js";
import { tempDir } from "../support/temp-dir.js";

let server: MemoryServer;
beforeAll(async () => {
  server = await startMemoryServer();
});
afterAll(() => server.close());

describe("login", () => {
  test("prints the token alone, which other commands take from CHATTER_TOKEN", async () => {
    const home = tempDir();
    const env = { CHATTER_URL: server.url, HOME: home };
    const login = await runCli(["login", "--user", "goa", "--password", "rocks"], { env });
    expect(login).toMatchObject({ status: 0, stderr: "" });
    expect(login.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(existsSync(join(home, ".config"))).toBe(false);
    const token = login.stdout.trim();
    expect(await runCli(["history"], { env: { ...env, CHATTER_TOKEN: token } })).toMatchObject({
      status: 0,
    });
  });

  test.each(["rocks", "rocks\n", "rocks\r\n"])(
    "reads the password from standard input: %j",
    async (input) => {
      const args = ["login", "--user", "goa", "--password-stdin", "--url", server.url];
      expect(await runCli(args, { input })).toMatchObject({ status: 0, stderr: "" });
    },
  );

  test("takes user and password from the environment", async () => {
    const env = { CHATTER_USER: "goa", CHATTER_PASSWORD: "rocks", CHATTER_URL: server.url };
    expect(await runCli(["login"], { env })).toMatchObject({ status: 0, stderr: "" });
  });

  test("with a wrong password fails with the server's text and keeps nothing", async () => {
    const home = tempDir();
    const args = ["login", "--user", "goa", "--password", "rolls", "--save", "--url", server.url];
    expect(await runCli(args, { env: { HOME: home } })).toEqual({
      status: 1,
      stdout: "",
      stderr: "chatter: unauthenticated: invalid username and password combination\n",
    });
    expect(existsSync(join(home, ".config"))).toBe(false);
  });

  test("does not wait for a password where nobody can be asked", async () => {
    const result = await runCli(["login", "--user", "goa", "--url", server.url]);
    expect(result).toMatchObject({ status: 2, stdout: "" });
    expect(result.stderr).toContain("--password-stdin");
  });
});

describe("login --save", () => {
  test("keeps the token where only its owner can read it, for later commands", async () => {
    const config = tempDir();
    const env = { XDG_CONFIG_HOME: config, CHATTER_URL: server.url };
    const args = ["login", "--user", "goa", "--password", "rocks", "--save"];
    const { stdout } = await runCli(args, { env });
    const file = join(config, "chatter", "tokens.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(config, "chatter")).mode & 0o777).toBe(0o700);
    const kept = JSON.parse(readFileSync(file, "utf8"));
    expect(kept).toEqual({
      [server.url]: { token: stdout.trim(), expires_at: expect.stringMatching(/Z$/) },
    });
    expect(await runCli(["history"], { env })).toMatchObject({ status: 0, stderr: "" });
  });

  test("sends a kept token to its own origin alone", async () => {
    const home = tempDir();
    const mine = await startSilentServer();
    const other = await startSilentServer();
    await save(home, mine.url);
    await save(home, other.url);
    const third = await startSilentServer();
    for (const { url } of [mine, other, third]) {
      await runCli(["history", "--url", url], { env: { HOME: home } });
    }
    expect(mine.authorizations).toEqual([null, `Bearer token-of-${mine.port}`]);
    expect(other.authorizations).toEqual([null, `Bearer token-of-${other.port}`]);
    expect(third.authorizations).toEqual([null]);
  });

  test("gives way to --token and CHATTER_TOKEN", async () => {
    const home = tempDir();
    const { url, authorizations } = await startSilentServer();
    await save(home, url);
    const env = { HOME: home, CHATTER_TOKEN: "from-the-variable", CHATTER_URL: url };
    await runCli(["history"], { env });
    await runCli(["history", "--token", "from-the-option"], { env });
    expect(authorizations.slice(1)).toEqual(["Bearer from-the-variable", "Bearer from-the-option"]);
  });

  test("says which file is damaged, and does not show what is in it", async () => {
    const home = tempDir();
    const { url } = await startSilentServer();
    await save(home, url);
    const file = join(home, ".config", "chatter", "tokens.json");
    writeFileSync(file, readFileSync(file, "utf8").slice(0, -5));
    const { status, stderr } = await runCli(["history", "--url", url], { env: { HOME: home } });
    expect(status).toBe(1);
    expect(stderr).toContain(file);
    expect(stderr).not.toContain("token-of");
    expect(stderr.trimEnd()).not.toContain("\n");
  });
});

/** Gives each its own token and has an empty history. */
async function startSilentServer() {
  let port = "";
  const fake = await startFakeServer({
    login: () => ({
      token: `token-of-${port}`,
      expiresAt: timestampFromMs(Date.now() + 3_600_000),
    }),
    async *history() {},
  });
  onTestFinished(() => fake.close());
  port = new URL(fake.url).port;
  return { ...fake, port };
}

async function save(home: string, url: string): Promise<void> {
  const args = ["login", "--user", "goa", "--password", "rocks", "--save", "--url", url];
  expect(await runCli(args, { env: { HOME: home } })).toMatchObject({ status: 0 });
}
