import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { demoUsers } from "../../src/server/auth/users/demo-users.js";
import { startChatter } from "../support/chatter-server.js";
import { parseLines } from "../support/cli.js";
import { runHere, startHere } from "../support/cli-here.js";
import { post } from "../support/cli-server.js";
import { describeOnTerminal, openChatTerminal, openTerminal } from "../support/cli-terminal.js";
import { until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";

const account = { CHATTER_USER: "goa", CHATTER_PASSWORD: "rocks" };

/** A server whose tokens live for this many seconds, and one with another lifetime. */
async function startWith(lifetimeSeconds: number, issuedSeconds = lifetimeSeconds) {
  const key = await parseSigningKey("k".repeat(32), "test");
  const tokens = createTokens({ key, lifetimeSeconds });
  const issuer = createTokens({ key, lifetimeSeconds: issuedSeconds });
  const server = await startChatter({ auth: createAuth({ users: demoUsers(), tokens }) });
  const issued = await issuer.issue({ subject: "goa", scopes: ["stream:write"] });
  return { ...server, env: { CHATTER_URL: server.url }, issued: issued.token };
}

describe.each([["subscribe"], ["history", "--follow"]])("chatter %s %s", (...command) => {
  const args = command.filter((word) => word !== undefined);

  test("continues with a login of its own when its token has expired", async () => {
    const { env, issued, log } = await startWith(2);
    const cli = startHere(args, { env: { ...env, ...account, CHATTER_TOKEN: issued } });
    const posting = setInterval(() => post(log, "more"), 100);
    const end = Date.now() + 10_000;
    await cli.printed("more");
    await expect.poll(() => cli.stderr(), { timeout: 10_000 }).toContain("connected again");
    await post(log, "after that");
    await cli.printed("after that").finally(() => clearInterval(posting));
    expect(Date.now()).toBeLessThan(end);
    cli.interrupt();
    const { status, stdout, stderr } = await cli.ended;
    expect(status).toBe(130);
    expect(stderr).toMatch(
      /^(chatter: subscribed to main\n)?chatter: unauthenticated: the token has expired; trying again\nchatter: connected again\n/,
    );
    const sequences = parseLines(stdout).map(({ sequence }) => Number(sequence));
    expect(sequences).toEqual(sequences.map((_, i) => sequences[0]! + i));
  });
});

test("every command logs in with CHATTER_USER and CHATTER_PASSWORD when it has no token", async () => {
  const { env, log } = await startWith(60);
  const posted = await runHere(["listener"], { env: { ...env, ...account }, input: "one\n" });
  expect(posted).toMatchObject({ status: 0, stderr: "" });
  expect(log.head).toBe(1);
  const wrong = { ...env, ...account, CHATTER_PASSWORD: "rolls" };
  expect(await runHere(["history"], { env: wrong })).toMatchObject({
    status: 1,
    stderr: "chatter: unauthenticated: invalid username and password combination\n",
  });
});

test.each(["connect", "grpc", "ws"])(
  "a token that expired before the start is called expired, by %s",
  async (protocol) => {
    const { env, issued } = await startWith(1);
    const { exp } = JSON.parse(atob(issued.split(".")[1]!));
    await until(() => Date.now() > exp * 1000, "it has expired");
    const home = tempDir();
    mkdirSync(join(home, ".config/chatter"), { recursive: true });
    const kept = JSON.stringify({ [env.CHATTER_URL]: { token: issued } });
    writeFileSync(join(home, ".config/chatter/tokens.json"), kept);
    const text =
      /^chatter: unauthenticated: the token expired at 20[\d-]+T[\d:.]+Z: log in again, or set CHATTER_USER and CHATTER_PASSWORD\n$/;
    const ways: Record<string, string>[] = [{ CHATTER_TOKEN: issued }, { HOME: home }];
    for (const own of ways) {
      const result = await runHere(["history", "--protocol", protocol], {
        env: { ...env, ...own },
      });
      expect(result).toMatchObject({ status: 1, stderr: expect.stringMatching(text) });
    }
    // With an account it does not matter.
    const all = { ...env, ...account, CHATTER_TOKEN: issued };
    expect(await runHere(["history", "--protocol", protocol], { env: all })).toMatchObject({
      status: 0,
    });
  },
);

describeOnTerminal("on a terminal", () => {
  test("subscribe asks for an account, and asks again when the password is wrong", async () => {
    const { env, log } = await startWith(60);
    const cli = openTerminal(["subscribe", "--limit", "1", "--output", "jsonl"], { env });
    await cli.shows("User: ");
    cli.type("goa\r");
    await cli.shows("Password of goa: ");
    cli.type("rolls\r");
    await cli.shows("invalid username and password combination");
    await expect.poll(() => cli.screen().at(-1)).toBe("User:");
    cli.type("goa\r");
    await expect.poll(() => cli.screen().at(-1)).toBe("Password of goa:");
    cli.type("rocks\r");
    const posting = setInterval(() => post(log, "hello"), 100);
    const { status, shown } = await cli.ended().finally(() => clearInterval(posting));
    expect(status).toBe(0);
    expect(shown).toContain('"message":"hello"');
    expect(shown).not.toMatch(/rolls|rocks/);
  });

  test("chat asks without losing the half-typed line, and shows no password", async () => {
    const { env, log, issued } = await startWith(60, 8);
    const chat = openChatTerminal(["chat"], { env: { ...env, CHATTER_TOKEN: issued } });
    await expect.poll(() => chat.screen(), { timeout: 10_000 }).toEqual([">"]); // before it expires
    chat.type("half of a line");
    chat.type("\u001b[D\u001b[D\u001b[D\u001b[D");
    const row = (text: string) =>
      expect.poll(() => chat.screen().at(-1), { timeout: 20_000 }).toBe(text);
    await row("User:");
    chat.type("goa\r");
    await row("Password of goa:");
    chat.type("ro");
    await post(log, "meanwhile");
    chat.type("cks\r");
    await row("> half of a line");
    await expect.poll(() => chat.screen()).toContain("goa: meanwhile");
    // The cursor is where it was, and no arrow key brings the password back.
    chat.type("blue \r");
    await row(">");
    await expect.poll(() => chat.screen()).toContain("goa: half of a blue line");
    chat.type("\u001b[A");
    await row("> half of a blue line");
    chat.type("\u001b[A");
    await row(">");
    expect(chat.written()).not.toMatch(/rocks/);
  });

  test("login --save shows no token", async () => {
    const { env } = await startWith(60);
    const home = tempDir();
    const cli = openTerminal(["login", "--save"], { env: { ...env, ...account, HOME: home } });
    const { status, shown } = await cli.ended();
    expect(status).toBe(0);
    expect(shown).toMatch(/^chatter: logged in until 20[\d-]+T[\d:.]+Z; the token is in \S+\r\n$/);
    const result = await runHere(["history"], { env: { ...env, HOME: home } });
    expect(result).toMatchObject({ status: 0, stderr: "" });
  });
});
