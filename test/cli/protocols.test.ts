import { beforeEach, describe, expect, test } from "vitest";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { parseLines } from "../support/cli.js";
import { runHere, startHere } from "../support/cli-here.js";

let server: TestServer;
beforeEach(async () => {
  server = await startChatter();
});

// Connect is the default, which all other tests go by.
describe.each(["grpc", "grpc-web", "ws"])("by %s", (protocol) => {
  test("every method works", async () => {
    const run = async (args: string[], input = "") => {
      const env = {
        CHATTER_URL: server.url,
        CHATTER_TOKEN: server.token,
        CHATTER_PROTOCOL: protocol,
      };
      const result = await runHere(args, { input, env });
      expect(result.status).toBe(0);
      expect(result.stderr).toBe(args[0] === "subscribe" ? "chatter: subscribed to main\n" : "");
      return parseLines(result.stdout);
    };
    // Each line is answered before the next one comes: both sides stream at once.
    const echo = async () => {
      async function* lines() {
        yield "three\n";
        await cli.printed("three");
        yield "four\n";
      }
      const cli = startHere(["echoer", "--protocol", protocol], {
        input: lines(),
        env: { CHATTER_URL: server.url, CHATTER_TOKEN: server.token },
      });
      return parseLines((await cli.ended).stdout);
    };
    const before = server.log.head;
    const [stored] = await run(["listener"], "one\n");
    const [summary] = await run(["summary"], "two\n");
    const echoes = await echo();
    expect(stored).toEqual({ stored: "1", last_sequence: String(before + 1) });
    expect(summary).toMatchObject({ summaries: [{ message: "two", length: 3 }] });
    expect(echoes).toMatchObject([{ message: "three" }, { message: "four" }]);
    const history = await run(["history", "--last", "4"]);
    const texts = ["one", "two", "three", "four"];
    expect(history.map(({ message }) => message)).toEqual(texts);
    const after = String(history[0]?.cursor);
    const events = await run(["subscribe", "--after", after, "--limit", "3"]);
    expect(events.map(({ message }) => message)).toEqual(texts.slice(1));
    expect(await run(["post", "five", "--room", "ops"])).toMatchObject([{ room: "ops" }]);
    expect(await run(["rooms", "--since", after])).toMatchObject([
      { room: "main", messages_since: "3" },
      { room: "ops", messages_since: "1" },
    ]);
    const { stdout } = await runHere(
      ["login", "--user", "goa", "--password", "rocks", "--protocol", protocol],
      { env: { CHATTER_URL: server.url } },
    );
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  });
});
