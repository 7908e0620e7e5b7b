import { beforeEach, expect, test } from "vitest";
import { runHere } from "../support/cli-here.js";
import { type RestartableServer, startRestartable } from "../support/cli-restart.js";
import { type CliTerminal, describeOnTerminal, openChatTerminal } from "../support/cli-terminal.js";
import { fill } from "../support/fill.js";

let server: RestartableServer;
beforeEach(async () => {
  server = await startRestartable();
  await fill(server.log, ["hello"]);
  await fill(server.log, ["hello, alpha"], { room: "team/alpha" });
  await fill(server.log, ["hello, beta"], { room: "team/beta" });
});

test("chat --room reads and posts in the room; in a pipe no line is a command", async () => {
  const options = { input: "/room team/beta\n/etc\n", env: server.env };
  expect(await runHere(["chat", "--room", "team/alpha"], options)).toEqual({
    status: 0,
    stdout: "goa: hello, alpha\ngoa: /room team/beta\ngoa: /etc\n",
    stderr: "",
  });
});

describeOnTerminal("chatter chat on a terminal", () => {
  test("goes to another room and back, and posts to the one that the prompt names", async () => {
    const chat = openChat();
    await showsRows(chat, ["goa: hello", ">"]);
    chat.type("/room team/alpha\r");
    const alpha = ["goa: hello", "* team/alpha", "goa: hello, alpha"];
    await showsRows(chat, [...alpha, "team/alpha >"]);
    await fill(server.log, ["not here"]);
    await fill(server.log, ["here"], { room: "team/alpha" });
    await showsRows(chat, [...alpha, "goa: here", "team/alpha >"]);
    chat.type("to alpha\r");
    await showsRows(chat, [...alpha, "goa: here", "goa: to alpha", "team/alpha >"]);
    chat.type("/room main\r");
    const back = ["* main", "goa: hello", "goa: not here"];
    await showsRows(chat, [...alpha, "goa: here", "goa: to alpha", ...back, ">"]);
    // Typed at once: each line goes to the room that was open.
    chat.type("in main\r/room team/beta\rin beta\r");
    await expect.poll(() => chat.screen(), { timeout: 10_000 }).toContain("goa: in beta");
    chat.type("\u0004");
    expect(await chat.ended()).toMatchObject({ status: 0 });
    const rooms = [];
    for (const room of ["main", "team/alpha", "team/beta"]) {
      const { stdout } = await runHere(["history", "--room", room, "--last", "1"], {
        env: server.env,
      });
      rooms.push(JSON.parse(stdout).message);
    }
    expect(rooms).toEqual(["in main", "to alpha", "in beta"]);
  });

  test("Tab completes the command and the names of rooms", async () => {
    const chat = openChat();
    await showsRows(chat, ["goa: hello", ">"]);
    chat.type("/r");
    await showsRows(chat, ["goa: hello", "> /r"]);
    chat.type("\t");
    await showsRows(chat, ["goa: hello", "> /room"]);
    chat.type("t");
    await showsRows(chat, ["goa: hello", "> /room t"]);
    chat.type("\t");
    await showsRows(chat, ["goa: hello", "> /room team/"]);
    chat.type("b");
    await showsRows(chat, ["goa: hello", "> /room team/b"]);
    chat.type("\t");
    await showsRows(chat, ["goa: hello", "> /room team/beta"]);
    chat.type("\r");
    await showsRows(chat, ["goa: hello", "* team/beta", "goa: hello, beta", "team/beta >"]);
    chat.type("\u0004");
    expect(await chat.ended()).toMatchObject({ status: 0 });
  });

  test("/room lists the rooms; unknown words after a slash are not posted", async () => {
    const chat = openChat(200);
    await showsRows(chat, ["goa: hello", ">"]);
    chat.type("/room\r");
    const list = ["* main: 1 message", "* team/alpha: 1 message", "* team/beta: 1 message"];
    await showsRows(chat, ["goa: hello", ...list, ">"]);
    chat.type("/who is there\r");
    const unknown =
      '* /who is not a command: /room NAME goes to a room, /room lists them; to post a line that begins with "/", type "//"';
    await showsRows(chat, ["goa: hello", ...list, unknown, ">"]);
    chat.type("/room a b\r");
    await expect
      .poll(() => chat.screen().at(-2), { timeout: 10_000 })
      .toMatch(/^\* a b is not the name of a room: a room has 1 to 128 characters/);
    chat.type("//etc is a folder\r");
    await expect
      .poll(() => chat.screen().at(-2), { timeout: 10_000 })
      .toBe("goa: /etc is a folder");
    chat.type("\u0004");
    expect(await chat.ended()).toMatchObject({ status: 0 });
    expect(server.log.head).toBe(4);
  });

  test("goes back when the room cannot be read, and on where one cannot be written", async () => {
    const token = await server.issue("stream:read", "stream:write:team/*");
    const chat = openChat(120, token, "--room", "team/alpha");
    await showsRows(chat, ["goa: hello, alpha", "team/alpha >"]);
    chat.type("/room main\r");
    const main = ["goa: hello, alpha", "* main", "goa: hello"];
    await showsRows(chat, [...main, ">"]);
    chat.type("no\r");
    const refused = "* not posted (permission_denied: invalid scopes in token): no";
    await showsRows(chat, [...main, refused, ">"]);
    chat.type("/room team/beta\ryes\r");
    const beta = ["* team/beta", "goa: hello, beta", "bob: yes"];
    await showsRows(chat, [...main, refused, ...beta, "team/beta >"]);
    chat.type("\u0004");
    expect(await chat.ended()).toMatchObject({ status: 1 });

    const narrow = await server.issue("stream:write:team/*");
    const other = openChat(120, narrow, "--room", "team/beta");
    await showsRows(other, ["goa: hello, beta", "bob: yes", "team/beta >"]);
    other.type("/room ops\r");
    await showsRows(other, [
      "goa: hello, beta",
      "bob: yes",
      "* ops",
      "* cannot read ops (permission_denied: invalid scopes in token for ops)",
      "goa: hello, beta",
      "bob: yes",
      "team/beta >",
    ]);
    other.type("\u0004");
    expect(await other.ended()).toMatchObject({ status: 0 });
  });

  test("what was typed for a room is posted there when the server is back", async () => {
    const chat = openChat(120);
    await showsRows(chat, ["goa: hello", ">"]);
    await server.stop();
    chat.type("one\r/room team/alpha\rtwo\r");
    await expect
      .poll(() => chat.screen().at(-1), { timeout: 10_000 })
      .toMatch(/^team\/alpha \((waiting|connecting), 2 not stored yet\) >$/);
    await server.start();
    await expect
      .poll(() => chat.screen().slice(-3), { timeout: 20_000 })
      .toEqual(["goa: hello, alpha", "goa: two", "team/alpha >"]);
    chat.type("\u0004");
    expect(await chat.ended()).toMatchObject({ status: 0 });
    const { stdout } = await runHere(["history", "--view", "tiny"], { env: server.env });
    expect(stdout).toBe('{"message":"hello"}\n{"message":"one"}\n');
  });
});

function openChat(columns = 80, token = server.env.CHATTER_TOKEN!, ...args: string[]): CliTerminal {
  const env = { ...server.env, CHATTER_TOKEN: token };
  return openChatTerminal(["chat", ...args], { columns, env });
}

function showsRows(chat: CliTerminal, rows: string[]): Promise<void> {
  return expect.poll(() => chat.screen(), { timeout: 10_000 }).toEqual(rows);
}
