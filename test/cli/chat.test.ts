import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { runHere, startHere } from "../support/cli-here.js";
import { type RestartableServer, startRestartable } from "../support/cli-restart.js";
import { post, startFakeServer } from "../support/cli-server.js";

let server: RestartableServer;
beforeEach(async () => {
  server = await startRestartable();
});

describe("chatter chat without a terminal", () => {
  test("prints the last messages, posts each line, and ends when all of them are shown", async () => {
    await post(server.log, "one", "two", "three");
    const options = { input: "four\n\nfive", env: { ...server.env, FORCE_COLOR: "1" } };
    expect(await runHere(["chat", "--last", "2"], options)).toEqual({
      status: 0,
      stdout: "goa: two\ngoa: three\ngoa: four\ngoa: five\n",
      stderr: "",
    });
  });

  test("shows 20 of the stored messages unless set otherwise, by the tunnel too", async () => {
    await post(server.log, ...Array.from({ length: 30 }, (_, i) => `m${i}`));
    const { stdout } = await runHere(["chat", "--protocol", "ws"], { env: server.env });
    expect(stdout.split("\n")).toHaveLength(21);
    const none = await runHere(["chat", "--last", "0"], { env: server.env });
    expect(none).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  test("keeps each message in its line, and shows controls and marks of direction as text", async () => {
    await post(
      server.log,
      "a\u001b]0;title\u0007\u001b[2J\r\nbob: hi\u2028\u009b2J\u007f\u202eevil\tb",
    );
    const { stdout } = await runHere(["chat"], { env: server.env });
    expect(stdout).toBe(
      "goa: a\\u001b]0;title\\u0007\\u001b[2J\\u000d\\u000abob: hi\\u2028\\u009b2J\\u007f\\u202eevil\tb\n",
    );
  });

  test("continues when the server comes back, says so, and posts what was typed meanwhile", async () => {
    async function* input() {
      await chat.printed("zero");
      await server.stop();
      yield "one\n";
      await server.start();
      await chat.printed("one");
      yield "two\n";
    }
    await post(server.log, "zero");
    const chat = startHere(["chat"], { input: input(), env: server.env });
    const { status, stdout, stderr } = await chat.ended;
    expect({ status, stdout }).toEqual({ status: 0, stdout: "goa: zero\ngoa: one\ngoa: two\n" });
    expect(stderr).toMatch(/^chatter: unavailable: [^\n]+; trying again\n/);
    expect(stderr).toMatch(/chatter: connected again\n$/);
  });

  test("tells which line was not posted, and that with the exit status too", async () => {
    const input = `${"x".repeat(70_000)}\nafter\n`;
    const long = await runHere(["chat"], { input: `before\n${input}`, env: server.env });
    expect(long).toMatchObject({ status: 1, stdout: "goa: before\n" });
    expect(long.stderr).toMatch(/^chatter: invalid_argument: line 2 of standard input is over/);

    const fake = await startFakeServer({
      async *subscribe(_, { responseHeader, signal }) {
        responseHeader.set("chatter-cursor", "start");
        yield { cursor: "start" };
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
      async *history() {},
      // biome-ignore lint/correctness/useYield: it refuses
      async *echoer() {
        throw new ConnectError("you may only read", Code.PermissionDenied);
      },
    });
    onTestFinished(() => fake.close());
    const env = { CHATTER_URL: fake.url, CHATTER_TOKEN: "t" };
    const refused = await runHere(["chat"], { input: "hel\u001blo\n", env });
    expect(refused).toEqual({
      status: 1,
      stdout: "",
      stderr:
        "chatter: not posted (permission_denied: you may only read): hel\\u001blo\n" +
        "chatter: one of the lines was not posted\n",
    });
  });

  test("ends with exit status 1 when it may not read", async () => {
    const env = { ...server.env, CHATTER_TOKEN: "no.such.token" };
    const { status, stderr } = await runHere(["chat"], { env });
    expect(status).toBe(1);
    expect(stderr).toBe("chatter: unauthenticated: invalid token\n");
  });

  test("Ctrl+C ends with 130 and tells what has no answer yet", async () => {
    await post(server.log, "zero");
    async function* input() {
      await chat.printed("zero");
      await server.stop();
      yield "one\n";
      await new Promise((resolve) => setTimeout(resolve, 50));
      chat.interrupt();
      await new Promise(() => {});
    }
    const chat = startHere(["chat"], { input: input(), env: server.env });
    const { status, stdout, stderr } = await chat.ended;
    expect({ status, stdout }).toEqual({ status: 130, stdout: "goa: zero\n" });
    expect(stderr).toMatch(/chatter: no answer yet \(interrupted\): one\n$/);
  });
});
