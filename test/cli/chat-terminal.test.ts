import { beforeEach, expect, test } from "vitest";
import { type RestartableServer, startRestartable } from "../support/cli-restart.js";
import { post } from "../support/cli-server.js";
import { type CliTerminal, describeOnTerminal, openChatTerminal } from "../support/cli-terminal.js";
import { readAll } from "../support/log-messages.js";

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
    chat.type("界 and on until it alone wraps");
    await showsRows(chat, ["goa: hello", "> wide 世界 and on until it alone wr", "aps"]);
    await post(server.log, "one");
    await showsRows(chat, [
      "goa: hello",
      "goa: one",
      "> wide 世界 and on until it alone wr",
      "aps",
    ]);

    // Edited in the middle, while more comes in; what controls a terminal is text.
    chat.type("\u001b[D\u001b[D\u001b[D\u001b[D\u001b[DX");
    await post(server.log, "\u001b]0;title\u0007\u001b[9A");
    const escaped = ["goa: hello", "goa: one", "goa: \\u001b]0;title\\u0007\\u001", "b[9A"];
    await showsRows(chat, [...escaped, "> wide 世界 and on until it alone Xw", "raps"]);

    // Another width.
    await chat.resize(26);
    await post(server.log, "two");
    const narrow = [
      "goa: hello",
      "goa: one",
      "goa: \\u001b]0;title\\",
      "u0007\\u001b[9A",
      "goa: two",
    ];
    await showsRows(chat, [...narrow, "> wide 世界 and on until i", "t alone Xwraps"]);

    // Enter in the middle of the line: it comes back as a message, once.
    chat.type("\r");
    const stored = ["goa: wide 世界 and o", "n until it alone Xwraps"];
    await showsRows(chat, [...narrow, ...stored, ">"]);

    // An empty line is ignored.
    chat.type("\r");
    chat.type("\u0004");
    expect(await chat.ended()).toMatchObject({ status: 0 });
    expect(chat.screen()).toEqual([...narrow, ...stored]);
    expect(server.log.head).toBe(5);
  });

  test("shows the state of the connection, and posts what was typed meanwhile when the server is back", async () => {
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

  test("continues after Ctrl+Z, when it is in the foreground again", async () => {
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

  test("what comes in one chunk stands where the cursor is", async () => {
    const chat = openChat();
    await showsRows(chat, ["goa: hello", ">"]);
    chat.type("ad");
    await showsRows(chat, ["goa: hello", "> ad"]);
    chat.type("\u001b[D");
    chat.type("bcbc");
    await showsRows(chat, ["goa: hello", "> abcbcd"]);
    chat.type("\r\u0004");
    expect(await chat.ended()).toMatchObject({ status: 0 });
    expect((await readAll(server.log)).at(-1)?.message).toBe("abcbcd");
  });

  test("a message of several lines is shown as lines, which cannot pass for others", async () => {
    const chat = openChat(80);
    await showsRows(chat, ["goa: hello", ">"]);
    await post(server.log, "one\n12:00 bob: two\r\nthree\rfour");
    const rows = ["goa: one", "    12:00 bob: two", "    three\\u000dfour"];
    await showsRows(chat, ["goa: hello", ...rows, ">"]);
    expect(chat.written()).toMatch(/\d\d:\d\d\S* \S*goa/);
  });

  test("a paste of many lines asks once: one message, each line, or nothing", async () => {
    const chat = openChat(80);
    await showsRows(chat, ["goa: hello", ">"]);
    const paste = "\u001b[200~one\rtwo\rthree\u001b[201~";
    const question = "post 3 lines? o: as one message, e: each, n: no >";
    const shown = ["goa: hello"];
    for (const [answer, ...rows] of [
      ["n\r", "* 3 lines were not posted"],
      ["o\r", "goa: one", "    two", "    three"],
      ["e\r", "goa: one", "goa: two", "goa: three"],
    ]) {
      chat.type(paste);
      await showsRows(chat, [...shown, question]);
      chat.type(answer!);
      shown.push(...rows);
      await showsRows(chat, [...shown, ">"]);
    }
    // None of them is a command.
    for (const [answer, ...rows] of [
      ["o\r", "goa: /etc", "    /room two"],
      ["e\r", "goa: /etc", "goa: /room two"],
    ]) {
      chat.type("\u001b[200~/etc\r/room two\u001b[201~");
      await showsRows(chat, [...shown, question.replace("3", "2")]);
      chat.type(answer!);
      shown.push(...rows);
      await showsRows(chat, [...shown, ">"]);
    }
    // A single line is text like any other, and is edited.
    chat.type("\u001b[200~in one\u001b[201~ line\r");
    await showsRows(chat, [...shown, "goa: in one line", ">"]);
    chat.type("\u0004");
    expect(await chat.ended()).toMatchObject({ status: 0 });
    expect(chat.written().endsWith("\u001b[?2004l")).toBe(true);
  });

  test("has names in colour, but not with NO_COLOR; Ctrl+C ends with 130 and a clean line", async () => {
    await server.log.append([{ text: "hi", sender: "bob", messageId: "" }]);
    await post(server.log, "again");
    const [coloured, plain] = [openChat(), openChat(36, { NO_COLOR: "1" })];
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

function openChat(columns = 36, env: Record<string, string> = {}): CliTerminal {
  return openChatTerminal(["chat"], { columns, env: { ...server.env, ...env } });
}

function showsRows(chat: CliTerminal, rows: string[]): Promise<void> {
  return expect.poll(() => chat.screen(), { timeout: 10_000 }).toEqual(rows);
}
