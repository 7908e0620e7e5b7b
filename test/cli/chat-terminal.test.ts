import { beforeEach, expect, test } from "vitest";
import { type RestartableServer, startRestartable } from "../support/cli-restart.js";
import { post } from "../support/cli-server.js";
import { type CliTerminal, describeOnTerminal, openTerminal } from "../support/cli-terminal.js";

let server: RestartableServer;
beforeEach(async () => {
  server = await startRestartable();
  await post(server.log, "hello");
});

describeOnTerminal("chatter chat on a terminal", () => {
  test("keeps the input line in shape below the messages that come in", async () => {
    const chat = openChat();
    await showsRows(chat, ["goa: hello", ">"]);

    // Typed, half of it pasted, over the end of the row, with wide characters.
    chat.type("wide 世");
    chat.type("界 and on until it wraps");
    await showsRows(chat, ["goa: hello", "> wide 世界 and on until it wr", "aps"]);
    await post(server.log, "one");
    await showsRows(chat, ["goa: hello", "goa: one", "> wide 世界 and on until it wr", "aps"]);

    // Edited in the middle, while more comes in; what controls a terminal is text.
    chat.type("\u001b[D\u001b[D\u001b[D\u001b[D\u001b[DX");
    await post(server.log, "\u001b]0;title\u0007\u001b[9A");
    const escaped = ["goa: hello", "goa: one", "goa: \\u001b]0;title\\u0007\\u001", "b[9A"];
    await showsRows(chat, [...escaped, "> wide 世界 and on until it Xw", "raps"]);

    // Another width.
    await chat.resize(20);
    await post(server.log, "two");
    const narrow = [
      "goa: hello",
      "goa: one",
      "goa: \\u001b]0;title\\",
      "u0007\\u001b[9A",
      "goa: two",
    ];
    await showsRows(chat, [...narrow, "> wide 世界 and on u", "ntil it Xwraps"]);

    // Enter in the middle of the line: it comes back as a message, once.
    chat.type("\r");
    const stored = ["goa: wide 世界 and o", "n until it Xwraps"];
    await showsRows(chat, [...narrow, ...stored, ">"]);

    // An empty line is none.
    chat.type("\r");
    chat.type("\u0004");
    expect(await chat.ended()).toMatchObject({ status: 0 });
    expect(chat.screen()).toEqual([...narrow, ...stored]);
    expect(server.log.head).toBe(5);
  });

  test("shows how it stands, and posts what was typed meanwhile when the server is back", async () => {
    const chat = openChat(120);
    await showsRows(chat, ["goa: hello", ">"]);
    await server.stop();
    chat.type("still there?\r");
    await expect
      .poll(() => chat.screen().at(-1), { timeout: 10_000 })
      .toMatch(/^\((waiting|connecting), 1 not stored yet\) >$/);
    expect(chat.screen()[1]).toMatch(/^\* unavailable: .*; trying again$/);
    await post(server.log, "meanwhile");
    await server.start();
    const end = ["* connected again", "goa: meanwhile", "goa: still there?", ">"];
    await expect
      .poll(() => chat.screen().filter((row) => !row.endsWith("; trying again")), {
        timeout: 20_000,
      })
      .toEqual(["goa: hello", ...end]);
    chat.type("\u0004");
    expect(await chat.ended()).toMatchObject({ status: 0 });
  });

  test("goes on after Ctrl+Z, when it is in the foreground again", async () => {
    const chat = openChat();
    await showsRows(chat, ["goa: hello", ">"]);
    chat.type("half\u001a");
    await showsRows(chat, ["goa: hello", "> half"]);
    const { length } = chat.written();
    chat.signal("SIGCONT");
    await expect.poll(() => chat.written().length).toBeGreaterThan(length);
    chat.type(" a line\r");
    await showsRows(chat, ["goa: hello", "goa: half a line", ">"]);
    chat.type("\u0004");
    expect(await chat.ended()).toMatchObject({ status: 0 });
  });

  test("has names in colour, but not with NO_COLOR; Ctrl+C ends with 130 and a clean line", async () => {
    await server.log.append([{ text: "hi", sender: "bob", messageId: "" }]);
    await post(server.log, "again");
    const [coloured, plain] = [openChat(), openChat(30, { NO_COLOR: "1" })];
    for (const chat of [coloured, plain]) {
      await showsRows(chat, ["goa: hello", "bob: hi", "goa: again", ">"]);
      chat.type("not sent\u0003");
      expect(await chat.ended()).toMatchObject({ status: 130 });
      expect(chat.screen()).toEqual(["goa: hello", "bob: hi", "goa: again"]);
    }
    const names = coloured.written().match(/\u001b\[(\d+)mgoa\u001b\[39m: /g);
    expect(new Set(names).size).toBe(1);
    expect(names).toHaveLength(2);
    const bob = coloured.written().match(/\u001b\[(\d+)mbob\u001b\[39m: /);
    expect(names?.[0]).not.toBe(bob?.[0].replace("bob", "goa"));
    expect(bob).not.toBeNull();
    expect(plain.written()).not.toMatch(/\u001b\[\d*m/);
  });
});

function openChat(columns = 30, env: Record<string, string> = {}): CliTerminal {
  return openTerminal(["chat"], { columns, env: { ...server.env, ...env } });
}

function showsRows(chat: CliTerminal, rows: string[]): Promise<void> {
  return expect.poll(() => chat.screen(), { timeout: 10_000 }).toEqual(rows);
}
