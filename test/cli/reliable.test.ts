import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { parseLines } from "../support/cli.js";
import { runHere, startHere } from "../support/cli-here.js";
import { type RestartableServer, startRestartable } from "../support/cli-restart.js";
import { post, startFakeServer } from "../support/cli-server.js";

let server: RestartableServer;
beforeEach(async () => {
  server = await startRestartable();
});

/** More than the publisher and the command hold, with the server gone in the middle. */
const count = 3000;
async function* linesWithRestart() {
  for (let i = 1; i <= count; i++) {
    yield `line ${i}\n`;
    if (i === count / 2) {
      await server.stop();
      // Input continues meanwhile.
      setTimeout(() => server.start(), 50);
    }
  }
}

const texts = Array.from({ length: count }, (_, i) => `line ${i + 1}`);

describe("--reliable stores each line once and in order, though the server goes down", () => {
  test("listener", async () => {
    const input = linesWithRestart();
    const result = await runHere(["listener", "--reliable"], { input, env: server.env });
    expect(result).toMatchObject({
      status: 0,
      stdout: `{"stored":"${count}","last_sequence":"${count}"}\n`,
    });
    expect(await stored()).toEqual(texts);
  });

  test("echoer, with the answers in order too", async () => {
    const input = linesWithRestart();
    const { status, stdout } = await runHere(["echoer", "--reliable"], { input, env: server.env });
    expect(status).toBe(0);
    expect(parseLines(stdout)).toEqual(
      texts.map((message, i) => ({
        message,
        sequence: String(i + 1),
        cursor: expect.stringMatching(/^[\w-]{16}$/),
      })),
    );
    expect(await stored()).toEqual(texts);
  });

  test("summary, with the times of storing, and not those of others", async () => {
    await post(server.log, "before");
    async function* input() {
      for await (const line of linesWithRestart()) {
        yield line;
        if (line === `line ${count / 4}\n`) {
          await expect.poll(() => server.log.head).toBeGreaterThan(10);
          await post(server.log, "between");
        }
      }
    }
    const options = { input: input(), env: server.env };
    const { status, stdout } = await runHere(["summary", "--reliable"], options);
    expect(status).toBe(0);
    const [{ summaries }] = parseLines(stdout) as [{ summaries: Record<string, unknown>[] }];
    expect(summaries.map(({ message }) => message)).toEqual(texts);
    expect(summaries[0]).toEqual({
      message: "line 1",
      length: 6,
      sent_at: expect.stringMatching(/^\d{4}-.*Z$/),
      sequence: "2",
    });
    expect(summaries.at(-1)).toMatchObject({ sequence: String(count + 2) });
    expect((await stored()).filter((text) => !String(text).startsWith("line"))).toEqual([
      "before",
      "between",
    ]);
    const none = await runHere(["summary", "--reliable"], { input: "", env: server.env });
    expect(none).toEqual({ status: 0, stdout: '{"summaries":[]}\n', stderr: "" });
  });
});

test("echoer --reliable answers each line before the next one comes", async () => {
  async function* input() {
    yield "one\n";
    await cli.printed("one");
    yield "two\n";
  }
  const cli = startHere(["echoer", "--reliable"], { input: input(), env: server.env });
  expect(parseLines((await cli.ended).stdout)).toMatchObject([
    { message: "one" },
    { message: "two" },
  ]);
});

test("a failure that is final ends it at once, and says how many are stored", async () => {
  const fake = await startFakeServer({
    async *echoer(requests) {
      let sequence = 0n;
      for await (const { message, messageId } of requests) {
        if (message === "bad") {
          throw new ConnectError("read only now", Code.PermissionDenied);
        }
        yield { message, messageId, sequence: ++sequence, cursor: "c" };
      }
    },
  });
  onTestFinished(() => fake.close());
  async function* input() {
    yield "one\ntwo\nbad\n";
    await new Promise(() => {}); // no more comes, and no end
  }
  const env = { CHATTER_URL: fake.url, CHATTER_TOKEN: "t" };
  const { status, stderr } = await runHere(["listener", "--reliable"], { input: input(), env });
  expect(status).toBe(1);
  expect(stderr).toBe(
    "chatter: permission_denied: read only now; 2 messages stored, the last is sequence 2\n",
  );
});

async function stored(): Promise<unknown[]> {
  const { stdout } = await runHere(["history", "--view", "tiny"], { env: server.env });
  return parseLines(stdout).map(({ message }) => message);
}
