import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { verifyPassword } from "../../src/server/auth/passwords.js";
import { readUsersFile } from "../../src/server/auth/users/users-file.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { post } from "../support/cli-server.js";
import { describeOnTerminal, openTerminal } from "../support/cli-terminal.js";
import { tempDir } from "../support/temp-dir.js";

let server: TestServer;
beforeEach(async () => {
  server = await startChatter();
});

describeOnTerminal("on a terminal", () => {
  test("login asks for the password and shows nothing of it", async () => {
    const terminal = openTerminal(["login", "--user", "goa", "--url", server.url]);
    await terminal.shows("Password of goa: ");
    // A slip and a backspace.
    terminal.type("rockz\u007fs\r");
    const { status, shown } = await terminal.ended();
    expect(shown).toMatch(/^Password of goa: \s+[\w-]+\.[\w-]+\.[\w-]+\s+$/);
    expect(status).toBe(0);
  });

  test("Ctrl+C at the question ends with 130", async () => {
    const terminal = openTerminal(["login", "--user", "goa", "--url", server.url]);
    await terminal.shows("Password of goa: ");
    terminal.type("half\u0003");
    const { status, shown } = await terminal.ended();
    expect(status).toBe(130);
    expect(shown.trim()).toBe("Password of goa:");
  });

  test("login --password warns that everybody can read it", async () => {
    const args = ["login", "--user", "goa", "--password", "rocks", "--url", server.url];
    const { status, shown } = await openTerminal(args).ended();
    expect(status).toBe(0);
    expect(shown).toContain("list of processes");
  });

  test("user add asks twice", async () => {
    const file = join(tempDir(), "users.json");
    const terminal = openTerminal(["user", "add", "alice", "--users-file", file]);
    await terminal.shows("New password of alice: ");
    // Typed ahead.
    terminal.type("s3cret\rs3cret\r");
    expect(await terminal.ended()).toMatchObject({ status: 0 });
    const [alice] = await readUsersFile(file);
    expect(await verifyPassword("s3cret", alice?.passwordHash ?? "")).toBe(true);
  });

  test("nothing of a message is obeyed, turns the text or hides in it", async () => {
    const evil =
      "\u001b[2J\u009b \u202egnp \u2066x \u2028\u2029 \u061c\u200b\ufeff \u206a \u{e0041}";
    await post(server.log, evil);
    const env = { CHATTER_URL: server.url, CHATTER_TOKEN: server.token };
    for (const args of [["history"], ["log", "export"]]) {
      const { status, shown } = await openTerminal(args, { env }).ended();
      expect([status, shown], args.join(" ")).toEqual([
        0,
        expect.stringContaining("\\u202egnp \\u2066x \\u2028\\u2029 \\u061c\\u200b\\ufeff"),
      ]);
      // Except for the sequence that removes the progress line from the screen.
      expect(shown.replaceAll("\u001b[K", ""), args.join(" ")).toMatch(/^[\r\n -~]*$/);
    }
    const subscribed = openTerminal(["subscribe"], { env });
    await subscribed.shows("subscribed to main");
    await post(server.log, evil);
    await subscribed.shows("\\u202egnp \\u2066x \\u2028\\u2029 \\u061c\\u200b\\ufeff");
    subscribed.type("\u0003");
    await subscribed.ended();
    expect(subscribed.written()).not.toMatch(/[\u0080-\u{10ffff}]/u);
  });

  test("streams say how to end, and results are indented by four spaces", async () => {
    const terminal = openTerminal(["echoer"], {
      env: { CHATTER_URL: server.url, CHATTER_TOKEN: server.token },
    });
    await terminal.shows("Press Ctrl+D to stop chatting.");
    terminal.type("hello\r");
    await terminal.shows('{\r\n    "message": "hello",\r\n');
    terminal.type("\u0004");
    expect(await terminal.ended()).toMatchObject({ status: 0 });
  });
});
