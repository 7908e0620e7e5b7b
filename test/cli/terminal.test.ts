import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { verifyPassword } from "../../src/server/auth/passwords.js";
import { readUsersFile } from "../../src/server/auth/users-file.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { chatterBin, cliEnv } from "../support/cli.js";
import { tempDir } from "../support/temp-dir.js";

let server: TestServer;
beforeEach(async () => {
  server = await startChatter();
});

// util-linux's script gives a command a terminal.
const hasScript = spawnSync("script", ["--version"]).status === 0;

describe.skipIf(!hasScript)("on a terminal", () => {
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

  test("streams say how to end, and results are indented by four spaces", async () => {
    const terminal = openTerminal(["echoer"], {
      CHATTER_URL: server.url,
      CHATTER_TOKEN: server.token,
    });
    await terminal.shows("Press Ctrl+D to stop chatting.");
    terminal.type("hello\r");
    await terminal.shows('{\r\n    "message": "hello",\r\n');
    terminal.type("\u0004");
    expect(await terminal.ended()).toMatchObject({ status: 0 });
  });
});

/** Runs a command on a terminal of its own, with its errors there too. */
function openTerminal(args: readonly string[], env: Record<string, string> = {}) {
  const command = [process.execPath, chatterBin, ...args].map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    env: cliEnv({ TERM: "xterm", SHELL: "/bin/sh", ...env }),
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let shown = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
  });
  const closed = once(child, "close");
  return {
    type: (text: string) => void child.stdin.write(text),
    shows: (text: string) => expect.poll(() => shown, { timeout: 10_000 }).toContain(text),
    async ended() {
      const [status] = await closed;
      return { status, shown };
    },
  };
}
