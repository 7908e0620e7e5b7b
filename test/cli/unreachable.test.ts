import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { runHere, startHere } from "../support/cli-here.js";
import { startFakeServer } from "../support/cli-server.js";

describe("a server that is not there is reported in one line with its URL", () => {
  test.each([
    ["connect", "localhost"],
    ["grpc", "127.0.0.1"],
    ["ws", "localhost"],
  ])("by %s at %s", async (protocol, host) => {
    // A port that was free a moment ago.
    const server = createTcpServer();
    const url = (await listen(server)).replace("127.0.0.1", host);
    await new Promise((resolve) => server.close(resolve));
    expect(await run("--protocol", protocol, "--url", url)).toEqual({
      status: 1,
      stdout: "",
      stderr: `chatter: unavailable: cannot connect to ${url} (ECONNREFUSED)\n`,
    });
  });

  test.each([
    [["subscribe"], ""],
    [["subscribe", "--bookmark-seconds", "5"], ""],
    [["history", "--follow"], ""],
    [["listener", "--reliable"], "one\n"],
    [["echoer", "--reliable"], "one\n"],
    [["chat"], ""],
    [["chat", "--last", "0"], ""],
  ])("by %j, which resumes only what once stood", async (args, input) => {
    const server = createTcpServer();
    const url = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    const { status, stdout, stderr } = await runHere([...args, "--url", url, "--token", "t"], {
      input,
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(
      new RegExp(`^chatter: unavailable: cannot connect to ${url} \\(ECONNREFUSED\\)[^\n]*\n$`),
    );
  });

  test("when it is another kind of server", async () => {
    const server = createServer((_, response) => response.end("hello"));
    const url = await listen(server);
    onTestFinished(() => void server.close());
    const { status, stderr } = await run("--url", url);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^chatter: unavailable: the connection to http:\S+ failed: .*--protocol ws.*\n$/,
    );
    expect(stderr).toContain(url);
  });

  test.each(["connect", "grpc", "grpc-web"])(
    "when the URL has a path too many, by %s",
    async (protocol) => {
      const server = await startChatter();
      const url = `${server.url}/chat`;
      expect(await run("--protocol", protocol, "--url", url)).toEqual({
        status: 1,
        stdout: "",
        stderr: `chatter: unimplemented: there is no Chatter at ${url} (HTTP 404): check the port and the path\n`,
      });
    },
  );

  test.each(["connect", "grpc", "grpc-web"])(
    "when it dies in mid-stream, by %s",
    async (protocol) => {
      const fake = await startFakeServer({
        async *history(_, { signal }) {
          yield { message: "one" };
          await once(signal, "abort");
        },
      });
      const cli = startHere(["history", "--protocol", protocol, "--url", fake.url, "--token", "t"]);
      await cli.printed("one");
      await fake.close();
      const { status, stderr } = await cli.ended;
      expect(status).toBe(1);
      expect(stderr).toMatch(/^chatter: unavailable: [^\n]+\n$/);
      expect(stderr).toContain(fake.url);
    },
  );

  test("when it hangs up", async () => {
    const server = createTcpServer((socket) => socket.once("data", () => socket.destroy()));
    const url = await listen(server);
    onTestFinished(() => void server.close());
    const { status, stdout, stderr } = await run("--url", url);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^chatter: unavailable: [^\n]+\n$/);
    expect(stderr).toContain(url);
  });
});

function run(...args: string[]) {
  return runHere(["history", "--token", "t", ...args]);
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
  });
}
