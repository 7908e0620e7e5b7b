import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseLines, runCli, startCli } from "../support/cli.js";
import { type MemoryServer, startMemoryServer } from "../support/cli-server.js";

let server: MemoryServer;
beforeAll(async () => {
  server = await startMemoryServer();
});
afterAll(() => server.close());

describe.each(["connect", "grpc", "grpc-web"])("by %s", (protocol) => {
  test("all six methods work", async () => {
    const run = async (args: string[], input = "") => {
      const env = {
        CHATTER_URL: server.url,
        CHATTER_TOKEN: server.token,
        CHATTER_PROTOCOL: protocol,
      };
      const result = await runCli(args, { input, env });
      expect(result).toMatchObject({ status: 0, stderr: "" });
      return parseLines(result.stdout);
    };
    const before = server.log.head;
    const [[stored], [summary], echoes] = [
      await run(["listener"], "one\n"),
      await run(["summary"], "two\n"),
      await run(["echoer"], "three\nfour\n"),
    ];
    expect(stored).toEqual({ stored: "1", last_sequence: String(before + 1) });
    expect(summary).toMatchObject({ summaries: [{ message: "two", length: 3 }] });
    expect(echoes).toMatchObject([{ message: "three" }, { message: "four" }]);
    const history = await run(["history", "--last", "4"]);
    const texts = ["one", "two", "three", "four"];
    expect(history.map(({ message }) => message)).toEqual(texts);
    const after = String(history[0]?.cursor);
    const events = await run(["subscribe", "--after", after, "--limit", "3"]);
    expect(events.map(({ message }) => message)).toEqual(texts.slice(1));
    const { stdout } = await runCli(
      ["login", "--user", "goa", "--password", "rocks", "--protocol", protocol],
      { env: { CHATTER_URL: server.url } },
    );
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  });

  test("echoer answers each line before the next one comes", async () => {
    const cli = startCli(["echoer", "--protocol", protocol], {
      CHATTER_URL: server.url,
      CHATTER_TOKEN: server.token,
    });
    cli.child.stdin.write("question\n");
    await cli.printed("question");
    cli.child.stdin.end("and another\n");
    expect(await cli.ended).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("and another"),
    });
  });
});
