import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { parseLines } from "../support/cli.js";
import { runHere, startHere } from "../support/cli-here.js";
import { post, startFakeServer } from "../support/cli-server.js";

interface Shown {
  readonly message: string;
  readonly cursor: string;
}

let server: TestServer;
beforeEach(async () => {
  server = await startChatter();
});

describe("history --follow", () => {
  test("prints the stored messages, then those that are added, in one form", async () => {
    await post(server.log, "one", "two é");
    const cli = follow();
    await cli.printed("two é");
    await post(server.log, "three é");
    await cli.printed("three é");
    cli.interrupt();
    const { status, stdout } = await cli.ended;
    expect(status).toBe(130);
    const lines = parseLines(stdout);
    expect(lines.map(({ message }) => message)).toEqual(["one", "two é", "three é"]);
    expect(lines[2]).toEqual({
      message: "three é",
      length: 8,
      sent_at: expect.stringMatching(/Z$/),
      sequence: "3",
      sender: "goa",
      cursor: expect.any(String),
    });
  });

  test("an empty text is printed as one", async () => {
    await post(server.log, "");
    const tiny = await run(["history", "--view", "tiny"]);
    expect(tiny.stdout).toBe('{"message":""}\n');
    const { stdout } = await run(["history"]);
    expect(parseLines(stdout)).toMatchObject([{ message: "", length: 0, sequence: "1" }]);
    const cli = startHere(["subscribe", "--limit", "1"], { env: envOf(server) });
    await expect.poll(() => server.chatter.openCalls, { timeout: 10_000 }).toBe(1);
    await post(server.log, "");
    const { stdout: added } = await cli.ended;
    expect(parseLines(added)).toMatchObject([{ message: "", action: "added", sequence: "2" }]);
  });

  test("starts with an empty log too", async () => {
    const cli = follow();
    await expect.poll(() => server.chatter.openCalls, { timeout: 10_000 }).toBeGreaterThan(0);
    await post(server.log, "first");
    await cli.printed("first");
  });

  test("loses nothing that is added between its two calls, even if the log was empty", async () => {
    // The empty history ends, something is added, and only then the subscription starts.
    const log: string[] = [];
    const fake = await startFakeServer({
      // biome-ignore lint/correctness/useYield: the history is empty
      async *history() {
        log.push("between");
      },
      async *subscribe({ after }, context) {
        const start = after === "" ? log.length : Number(after);
        context.responseHeader.set("chatter-cursor", String(start));
        // A bookmark: connect-node sends the head with the first message.
        yield { cursor: String(start) };
        for (let i = start; i < log.length; i++) {
          yield { message: log[i], sequence: BigInt(i + 1), cursor: String(i + 1) };
        }
        await new Promise((_, reject) => {
          context.signal.addEventListener("abort", () => reject(context.signal.reason));
        });
      },
    });
    onTestFinished(() => fake.close());
    const cli = startHere(["history", "--follow"], {
      env: { CHATTER_URL: fake.url, CHATTER_TOKEN: "t" },
    });
    await cli.printed("between");
  });

  test("says so when the connection is lost among the stored messages", async () => {
    let isCut = false;
    const fake = await startFakeServer({
      async *history({ after }) {
        if (after === "") {
          yield { message: "one", sequence: 1n, cursor: "1" };
          isCut = true;
          throw new ConnectError("on its way out", Code.Unavailable);
        }
        yield { message: "two", sequence: 2n, cursor: "2" };
      },
      async *subscribe({ after }, { responseHeader, signal }) {
        responseHeader.set("chatter-cursor", after || "2");
        yield { cursor: after || "2" };
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    });
    onTestFinished(() => fake.close());
    const cli = startHere(["history", "--follow", "--limit", "2"], {
      env: { CHATTER_URL: fake.url, CHATTER_TOKEN: "t" },
    });
    const { status, stdout, stderr } = await cli.ended;
    expect(isCut).toBe(true);
    expect(status).toBe(0);
    expect(parseLines(stdout).map(({ message }) => message)).toEqual(["one", "two"]);
    expect(stderr).toBe(
      "chatter: unavailable: on its way out; trying again\nchatter: connected again\n",
    );
  });

  test("sees each message once while others post", async () => {
    const expected: string[] = [];
    const postMore = async (count: number) => {
      const texts = Array.from({ length: count }, (_, i) => `m${expected.length + i}.`);
      expected.push(...texts);
      await post(server.log, ...texts);
    };
    await postMore(2000);
    const cli = follow();
    await cli.printed("m0.");
    for (let i = 0; i < 50; i++) {
      await postMore(20);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const output = await cli.printed(expected.at(-1) ?? "");
    expect(parseLines(output).map(({ message }) => message)).toEqual(expected);
  });

  test("continues after a cursor, with the tiny view, up to a limit", async () => {
    await post(server.log, "one", "two", "three");
    const { stdout } = await run(["history", "--limit", "1"]);
    const [first] = parseLines<Shown>(stdout);
    const args = ["--after", first?.cursor ?? "", "--view", "tiny", "--limit", "3"];
    const cli = follow(...args);
    await cli.printed("three");
    await post(server.log, "four", "five");
    expect(await cli.ended).toEqual({
      status: 0,
      stdout: '{"message":"two"}\n{"message":"three"}\n{"message":"four"}\n',
      stderr: "",
    });
  });

  test("starts this many messages before the head with --last", async () => {
    await post(server.log, "one", "two", "three");
    const { stdout } = await follow("--last", "2", "--limit", "2").ended;
    expect(parseLines(stdout).map(({ message }) => message)).toEqual(["two", "three"]);
  });
});

describe("subscribe", () => {
  test("prints what is added after a cursor, up to a limit, then ends with 0", async () => {
    await post(server.log, "one", "two", "three");
    const [first] = parseLines<Shown>((await run(["history", "--limit", "1"])).stdout);
    const result = await run(["subscribe", "--after", first?.cursor ?? "", "--limit", "2"]);
    expect(result).toMatchObject({ status: 0, stderr: "chatter: subscribed to main\n" });
    expect(parseLines(result.stdout)).toMatchObject([
      { message: "two", action: "added", added_at: expect.any(String), sequence: "2" },
      { message: "three", action: "added", sequence: "3" },
    ]);
  });

  test("prints bookmarks, which have only a cursor and do not count", async () => {
    const env = envOf(server);
    const cli = startHere(["subscribe", "--bookmark-seconds", "1", "--limit", "1"], { env });
    const bookmark = await cli.printed("\n");
    expect(JSON.parse(bookmark)).toEqual({ cursor: expect.stringMatching(/^[\w-]{16}$/) });
    await post(server.log, "one");
    expect(await cli.ended).toMatchObject({ status: 0 });
  });
});

function follow(...args: string[]) {
  return startHere(["history", "--follow", ...args], { env: envOf(server) });
}

function run(args: string[]) {
  return runHere(args, { env: envOf(server) });
}

function envOf({ url, token }: TestServer) {
  return { CHATTER_URL: url, CHATTER_TOKEN: token };
}
