import { beforeEach, describe, expect, test } from "vitest";
import type { Scope } from "../../src/server/auth/scopes.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { type CliOptions, parseLines } from "../support/cli.js";
import { runHere, startHere } from "../support/cli-here.js";
import { fill } from "../support/fill.js";

let server: TestServer;
beforeEach(async () => {
  server = await startChatter();
});

function run(args: string[], input: CliOptions["input"] = "", env: Record<string, string> = {}) {
  return runHere(args, {
    input,
    env: { CHATTER_URL: server.url, CHATTER_TOKEN: server.token, ...env },
  });
}

async function tokenWith(...scopes: Scope[]): Promise<string> {
  return (await server.tokens.issue({ subject: "bob", scopes })).token;
}

interface Printed {
  readonly message: string;
  readonly room?: string;
}

const textsOf = (stdout: string) =>
  parseLines<Printed>(stdout).map(({ message, room }) => `${room ?? ""}:${message}`);

describe("--room", () => {
  test.each(["listener", "summary", "echoer"])("of %s is where the lines go", async (command) => {
    for (const [index, more] of [[], ["--reliable"]].entries()) {
      const args = [command, "--room", "team/alpha", ...more];
      const { status, stdout } = await run(args, `one ${index}\ntwo ${index}\n`);
      expect(status).toBe(0);
      if (command !== "listener") {
        expect(stdout).toContain('"room":"team/alpha"');
      }
    }
    const { stdout } = await run(["history", "--room", "*"]);
    expect(textsOf(stdout)).toEqual(
      ["one 0", "two 0", "one 1", "two 1"].map((text) => `team/alpha:${text}`),
    );
    expect((await run(["history"])).stdout).toBe("");
  });

  test("of history takes names and patterns, and counts in them", async () => {
    await fill(server.log, ["1"], { room: "team/alpha" });
    await fill(server.log, ["2"]);
    await fill(server.log, ["3"], { room: "team/beta" });
    await fill(server.log, ["4"], { room: "ops" });
    const of = async (...args: string[]) => textsOf((await run(["history", ...args])).stdout);
    expect(await of()).toEqual([":2"]);
    expect(await of("--room", "team/*", "--room", "main")).toEqual([
      "team/alpha:1",
      ":2",
      "team/beta:3",
    ]);
    expect(await of("--room", "*", "--last", "2")).toEqual(["team/beta:3", "ops:4"]);
  });

  test.each([[], ["--no-resume"]])("of subscribe and history --follow too %j", async (...more) => {
    await fill(server.log, ["1"], { room: "ops" });
    const env = { CHATTER_URL: server.url, CHATTER_TOKEN: server.token };
    const args = ["history", "--follow", "--room", "team/*", "--room", "ops", ...more];
    const follow = startHere(args, { env });
    await follow.printed('"1"');
    await fill(server.log, ["no"]);
    await fill(server.log, ["2"], { room: "team/alpha" });
    await follow.printed('"2"');
    follow.interrupt();
    expect(textsOf((await follow.ended).stdout)).toEqual(["ops:1", "team/alpha:2"]);

    const subscribe = startHere(["subscribe", "--room", "ops", "--limit", "1", ...more], { env });
    await subscribe.reported("subscribed to ops\n");
    await fill(server.log, ["no"]);
    await fill(server.log, ["3"], { room: "ops" });
    const { status, stdout, stderr } = await subscribe.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: "chatter: subscribed to ops\n" });
    expect(textsOf(stdout)).toEqual(["ops:3"]);
  });

  test("that the token does not cover is named", async () => {
    const env = { CHATTER_TOKEN: await tokenWith("stream:write:team/*") };
    const refused = "chatter: permission_denied: invalid scopes in token for ops";
    for (const args of [["history"], ["subscribe"], ["post", "x"], ["listener"], ["chat"]]) {
      const { status, stderr } = await run([...args, "--room", "ops"], "x\n", env);
      expect({ status, line: stderr.split("\n").find((line) => line.includes("denied"))! }).toEqual(
        {
          status: 1,
          line: expect.stringContaining(refused.slice("chatter: ".length)),
        },
      );
    }
    expect((await run(["post", "x", "--room", "team/a"], "", env)).status).toBe(0);
    expect((await run(["history"], "", env)).stderr).toBe(
      "chatter: permission_denied: invalid scopes in token\n",
    );
  });
});

describe("chatter post", () => {
  test("posts its words as one message, and says where it is", async () => {
    const { status, stdout, stderr } = await run([
      "post",
      "--room",
      "ops",
      "the",
      "build is  done",
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      sequence: "1",
      cursor: expect.stringMatching(/^[\w-]{16}$/),
      room: "ops",
      sent_at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    const history = await run(["history", "--room", "ops"]);
    expect(textsOf(history.stdout)).toEqual(["ops:the build is  done"]);
  });

  test("without words posts standard input as a whole, less its last line's end", async () => {
    for (const input of ["one\n\n  two\n", "\ufeffthree\r\n", "four", "€".repeat(21_845)]) {
      expect((await run(["post"], input)).status).toBe(0);
    }
    const { stdout } = await run(["history"]);
    expect(textsOf(stdout)).toEqual([":one\n\n  two", ":three", ":four", `:${"€".repeat(21_845)}`]);
  });

  test.each([
    ["x".repeat(65_537), "standard input is over 65,536 bytes, the most that a message has"],
    [[new Uint8Array([0xff])], "standard input is not UTF-8"],
    ["\n", "message is empty"],
  ])("refuses what no message can be: %#", async (input, fault) => {
    const { status, stdout, stderr } = await run(["post"], input);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^chatter: invalid_argument: [^\n]+\n$/);
    expect(stderr).toContain(fault);
    expect(server.log.head).toBe(0);
  });
});

describe("chatter rooms", () => {
  test("lists the rooms that the token may read, with what came since", async () => {
    await fill(server.log, ["1", "2"], { room: "team/alpha" });
    await fill(server.log, ["3"]);
    const [last] = parseLines<{ cursor: string }>((await run(["history"])).stdout);
    await fill(server.log, ["4"], { room: "team/beta" });
    await fill(server.log, ["5"], { room: "team/alpha" });
    const { status, stdout } = await run(["rooms", "--since", last!.cursor]);
    expect(status).toBe(0);
    const time = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(parseLines(stdout)).toEqual([
      { room: "main", messages: "1", last_sequence: "3", last_at: time, messages_since: "0" },
      { room: "team/alpha", messages: "3", last_sequence: "5", last_at: time, messages_since: "1" },
      { room: "team/beta", messages: "1", last_sequence: "4", last_at: time, messages_since: "1" },
    ]);
    const team = await run(["rooms", "--prefix", "team/", "--output", "text"]);
    expect(team.stdout).toMatch(
      /^room=team\/alpha messages=3 last_sequence=5 last_at=\S+ messages_since=0\nroom=team\/beta /,
    );
    const env = { CHATTER_TOKEN: await tokenWith("stream:read:team/beta") };
    expect(parseLines((await run(["rooms"], "", env)).stdout)).toMatchObject([
      { room: "team/beta" },
    ]);
  });
});

describe("--output text", () => {
  test("prints messages in lines, with when, where and who", async () => {
    await fill(server.log, ["hello"]);
    await fill(server.log, ["two\nlines \u001b[2J"], { room: "ops" });
    const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`;
    const { stdout } = await run(["history", "--room", "*", "--output", "text"]);
    expect(stdout).toMatch(
      new RegExp(`^${time} goa: hello\n${time} ops goa: two\n {4}lines \\\\u001b\\[2J\n$`),
    );
    const tiny = await run(["history", "--output", "text", "--view", "tiny"]);
    expect(tiny.stdout).toBe("hello\n");
    const limit = ["subscribe", "--limit", "1", "--output", "text"];
    const env = { CHATTER_URL: server.url, CHATTER_TOKEN: server.token };
    const subscribe = startHere(limit, { env });
    await subscribe.reported("subscribed to main");
    await fill(server.log, ["added"]);
    expect((await subscribe.ended).stdout).toMatch(new RegExp(`^${time} goa: added\n$`));
  });

  test("prints other results as their fields", async () => {
    const env = { CHATTER_OUTPUT: "text" };
    expect((await run(["listener"], "one\ntwo\n", env)).stdout).toBe("stored=2 last_sequence=2\n");
    expect((await run(["echoer"], "a b\n", env)).stdout).toMatch(/^message="a b" sequence=3 /);
    expect((await run(["summary"], "c\nd\n", env)).stdout).toMatch(
      /^message=c length=1 sent_at=\S+ sequence=4\nmessage=d .*\n$/,
    );
    expect((await run(["post", "x"], "", env)).stdout).toMatch(/^sequence=6 cursor=\S+ sent_at=/);
  });
});
