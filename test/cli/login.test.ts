import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { runHere } from "../support/cli-here.js";
import { startFakeServer } from "../support/cli-server.js";
import { tempDir } from "../support/temp-dir.js";

let server: TestServer;
beforeEach(async () => {
  server = await startChatter();
});

describe("login", () => {
  test("prints the token alone, which other commands take from CHATTER_TOKEN", async () => {
    const home = tempDir();
    const env = { CHATTER_URL: server.url, HOME: home };
    const login = await runHere(["login", "--user", "goa", "--password", "rocks"], { env });
    expect(login).toMatchObject({ status: 0, stderr: "" });
    expect(login.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(existsSync(join(home, ".config"))).toBe(false);
    const token = login.stdout.trim();
    expect(await runHere(["history"], { env: { ...env, CHATTER_TOKEN: token } })).toMatchObject({
      status: 0,
    });
  });

  test("takes the user from CHATTER_USER, the password from standard input", async () => {
    const env = { CHATTER_USER: "goa", CHATTER_URL: server.url };
    const result = await runHere(["login", "--password-stdin"], { env, input: "rocks\r\n" });
    expect(result).toMatchObject({ status: 0, stderr: "" });
  });

  test("with a wrong password fails with the server's text and keeps nothing", async () => {
    const home = tempDir();
    const args = ["login", "--user", "goa", "--password", "rolls", "--save", "--url", server.url];
    expect(await runHere(args, { env: { HOME: home } })).toEqual({
      status: 1,
      stdout: "",
      stderr: "chatter: unauthenticated: invalid username and password combination\n",
    });
    expect(existsSync(join(home, ".config"))).toBe(false);
  });
});

describe("login --save", () => {
  test("keeps the token where only its owner can read it, for later commands", async () => {
    const config = tempDir();
    const env = { XDG_CONFIG_HOME: config, CHATTER_URL: server.url };
    const args = ["login", "--user", "goa", "--password", "rocks", "--save"];
    const { stdout } = await runHere(args, { env });
    const file = join(config, "chatter", "tokens.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(config, "chatter")).mode & 0o777).toBe(0o700);
    const kept = JSON.parse(readFileSync(file, "utf8"));
    expect(kept).toEqual({
      [server.url]: { token: stdout.trim(), expires_at: expect.stringMatching(/Z$/) },
    });
    expect(await runHere(["history"], { env })).toMatchObject({ status: 0, stderr: "" });
  });

  test("sends a kept token to its own origin alone", async () => {
    const home = tempDir();
    const [mine, other] = [await startSilentServer(), await startSilentServer()];
    keep(home, { [mine.url]: { token: "mine" }, "http://127.0.0.1:1": { token: "a third's" } });
    for (const { url } of [mine, other]) {
      await runHere(["history", "--url", url], { env: { HOME: home } });
    }
    expect(mine.authorizations).toEqual(["Bearer mine"]);
    expect(other.authorizations).toEqual([]);
  });

  test("gives way to CHATTER_TOKEN, and that to --token", async () => {
    const home = tempDir();
    const { url, authorizations } = await startSilentServer();
    keep(home, { [url]: { token: "kept" } });
    const env = { HOME: home, CHATTER_TOKEN: "from-the-variable", CHATTER_URL: url };
    await runHere(["history"], { env });
    await runHere(["history", "--token", "from-the-option"], { env });
    expect(authorizations).toEqual(["Bearer from-the-variable", "Bearer from-the-option"]);
  });

  test("keeps what other origins have, but for what has expired", async () => {
    const home = tempDir();
    const now = Date.now();
    const valid = { token: "valid", expires_at: new Date(now + 60_000).toISOString() };
    const expired = { token: "expired", expires_at: new Date(now - 60_000).toISOString() };
    const file = keep(home, { "http://valid.test": valid, "http://expired.test": expired });
    const args = ["login", "--user", "goa", "--password", "rocks", "--save", "--url", server.url];
    await runHere(args, { env: { HOME: home } });
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
      "http://valid.test": valid,
      [server.url]: { token: expect.any(String), expires_at: expect.any(String) },
    });
  });

  test("says which file is damaged, and does not show what is in it", async () => {
    const home = tempDir();
    const file = keep(home, { [server.url]: { token: "secret" } });
    writeFileSync(file, readFileSync(file, "utf8").slice(0, -3));
    const { status, stderr } = await runHere(["history"], {
      env: { HOME: home, CHATTER_URL: server.url },
    });
    expect(status).toBe(1);
    expect(stderr).toBe(`chatter: ${file} is damaged: remove it and log in again\n`);
  });
});

/** Takes any token and has an empty history. */
async function startSilentServer() {
  const fake = await startFakeServer({ async *history() {} });
  onTestFinished(() => fake.close());
  return fake;
}

/** Writes the file of kept tokens, and returns its path. */
function keep(home: string, tokens: object): string {
  const folder = join(home, ".config", "chatter");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "tokens.json");
  writeFileSync(file, JSON.stringify(tokens));
  return file;
}
