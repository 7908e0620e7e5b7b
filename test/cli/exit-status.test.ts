import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { PostProgressSchema } from "../../src/gen/chatter_pb.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { runHere } from "../support/cli-here.js";
import { startFakeServer } from "../support/cli-server.js";

let server: TestServer;
beforeEach(async () => {
  server = await startChatter();
});

describe("the exit status", () => {
  test("is 0 when the call succeeds", async () => {
    const result = await runHere(["listener"], { input: "one\n", env: envOf(server) });
    expect(result).toMatchObject({ status: 0, stderr: "" });
  });

  test("is 1 when the call fails, with the code and the text in one line", async () => {
    const env = { ...envOf(server), CHATTER_TOKEN: "no.such.token" };
    const result = await runHere(["history"], { env });
    expect(result).toEqual({
      status: 1,
      stdout: "",
      stderr: "chatter: unauthenticated: invalid token\n",
    });
  });

  test("is 1 without a token, and the line says where to get one", async () => {
    const result = await runHere(["history"], { env: { CHATTER_URL: server.url } });
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/^chatter: unauthenticated: no token: .*login --save\n$/);
  });

  test.each([
    { stored: 41n, lastSequence: 99n, text: "41 messages stored, the last is sequence 99" },
    { stored: 0n, lastSequence: 0n, text: "no message stored" },
  ])("is 1 when a posting stream fails, and the line says: $text", async (progress) => {
    const fake = await startFakeServer({
      async listener(requests) {
        for await (const _ of requests) {
          throw new ConnectError("the disk is full", Code.Unavailable, undefined, [
            { desc: PostProgressSchema, value: progress },
          ]);
        }
        return {};
      },
    });
    onTestFinished(() => fake.close());
    // More than the connection takes at once: the answer comes while lines are being sent.
    const input = Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`);
    expect(
      await runHere(["listener"], { input, env: { CHATTER_URL: fake.url, CHATTER_TOKEN: "t" } }),
    ).toEqual({
      status: 1,
      stdout: "",
      stderr: `chatter: unavailable: the disk is full; ${progress.text}\n`,
    });
  });

  test("keeps a server's text from the terminal: it is one line without controls", async () => {
    const fake = await startFakeServer({
      login: () => {
        throw new ConnectError("two\nlines\u001b[2Jand\u009bcontrols", Code.Internal);
      },
    });
    onTestFinished(() => fake.close());
    const args = ["login", "--user", "goa", "--password", "rocks", "--url", fake.url];
    const { stderr } = await runHere(args);
    expect(stderr).toBe("chatter: internal: two lines\\u001b[2Jand\\u009bcontrols\n");
  });
});

function envOf({ url, token }: TestServer) {
  return { CHATTER_URL: url, CHATTER_TOKEN: token };
}
