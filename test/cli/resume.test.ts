import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import { parseLines } from "../support/cli.js";
import { runHere, startHere } from "../support/cli-here.js";
import { type RestartableServer, startRestartable } from "../support/cli-restart.js";
import { post, startFakeServer } from "../support/cli-server.js";
import { tempDir } from "../support/temp-dir.js";

let server: RestartableServer;
beforeEach(async () => {
  server = await startRestartable();
});

describe.each([["subscribe"], ["history", "--follow"]])("chatter %s %s", (...command) => {
  const args = command.filter((word) => word !== undefined);

  test.each(["connect", "ws"])("continues when the server comes back, by %s", async (protocol) => {
    await post(server.log, "zero");
    const first = parseLines((await runHere(["history"], { env: server.env })).stdout)[0];
    const after = ["--after", String(first?.cursor)];
    const cli = startHere([...args, ...after, "--protocol", protocol], { env: server.env });
    await post(server.log, "one");
    await cli.printed("one");
    await server.stop();
    await post(server.log, "two", "three");
    await server.start();
    await cli.printed("three");
    await post(server.log, "four");
    const messages = parseLines(await cli.printed("four")).map(({ message }) => message);
    expect(messages).toEqual(["one", "two", "three", "four"]);
    cli.interrupt();
    const { status, stderr } = await cli.ended;
    expect(status).toBe(130);
    expect(stderr).toMatch(
      /^(chatter: subscribed to main\n)?(chatter: unavailable: [^\n]+; trying again\n)+chatter: connected again\n$/,
    );
  });

  test.each(["connect", "grpc", "grpc-web", "ws"])(
    "--no-resume ends with the server, exit status 1, by %s",
    async (protocol) => {
      const cli = startHere([...args, "--no-resume", "--protocol", protocol], { env: server.env });
      await post(server.log, "one");
      // subscribe may have begun after the first.
      const posting = setInterval(() => post(server.log, "more"), 50);
      await cli.printed("more").finally(() => clearInterval(posting));
      await server.stop();
      const { status, stderr } = await cli.ended;
      expect(status).toBe(1);
      expect(stderr).toMatch(/^(chatter: subscribed to main\n)?chatter: unavailable: [^\n]+\n$/);
    },
  );

  test("ends with exit status 1 when it cannot continue: the server has another log", async () => {
    await post(server.log, "one");
    const cli = startHere([...args, "--limit", "1000"], { env: server.env });
    const posting = setInterval(() => post(server.log, "more"), 50);
    await cli.printed("\n").finally(() => clearInterval(posting));
    await server.stop();
    await server.start(createMemoryLog());
    const { status, stderr } = await cli.ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^(chatter: subscribed to main\n)?(chatter: unavailable: [^\n]+; trying again\n)*chatter: out_of_range: [^\n]+\n$/,
    );
  });
});

test("what is final from the start is reported at once", async () => {
  const token = await runHere(["subscribe", "--token", "no.such.token"], { env: server.env });
  expect(token).toMatchObject({ status: 1, stderr: "chatter: unauthenticated: invalid token\n" });
  const cursor = await runHere(["subscribe", "--after", "none"], { env: server.env });
  expect(cursor).toMatchObject({ status: 1 });
  expect(cursor.stderr).toMatch(/^chatter: invalid_argument: [^\n]+\n$/);
});

test("a kept token that is refused is looked up again: there may have been a new login", async () => {
  const home = tempDir();
  const keep = (url: string, token: string) => {
    mkdirSync(join(home, ".config", "chatter"), { recursive: true });
    const tokens = JSON.stringify({ [url]: { token } });
    writeFileSync(join(home, ".config", "chatter", "tokens.json"), tokens);
  };
  const fake = await startFakeServer({
    async *subscribe(_, { requestHeader, responseHeader }) {
      if (requestHeader.get("authorization") !== "Bearer new") {
        keep(fake.url, "new");
        throw new ConnectError("invalid token", Code.Unauthenticated);
      }
      responseHeader.set("chatter-cursor", "start");
      yield { message: "hello", sequence: 1n, cursor: "1" };
    },
  });
  onTestFinished(() => fake.close());
  keep(fake.url, "old");
  const env = { CHATTER_URL: fake.url, HOME: home };
  expect(await runHere(["subscribe", "--limit", "1"], { env })).toMatchObject({ status: 0 });
  expect(fake.authorizations).toEqual(["Bearer old", "Bearer new"]);
});
