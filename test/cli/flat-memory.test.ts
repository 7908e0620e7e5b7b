import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { runCli, startCli } from "../support/cli.js";
import { startFakeServer } from "../support/cli-server.js";

const rounds = Number(process.env.CHATTER_TEST_ROUNDS ?? 1);

/** Besides what a command has loaded: far less than what passes through it in many rounds. */
const roomMiB = 100;

let server: TestServer;
beforeEach(async () => {
  server = await startChatter();
});

test("seq 100000 | chatter listener stores all of them, in order", async () => {
  const numbers = Array.from({ length: 100_000 }, (_, i) => `${i + 1}\n`).join("");
  const { status, stdout } = await runCli(["listener"], { input: numbers, env: envOf(server) });
  expect({ status, stdout }).toEqual({
    status: 0,
    stdout: '{"stored":"100000","last_sequence":"100000"}\n',
  });
  let after = 0;
  let expected = 0;
  for (let batch = await server.log.read(0); batch; batch = await server.log.read(after)) {
    expected += batch.count;
    after = batch.last;
  }
  expect(expected).toBe(100_000);
});

test(
  "listener holds little of what a slow server has not taken",
  async () => {
    // Reads one message and then none until the test says so.
    let read = () => {};
    const asked = new Promise<void>((resolve) => {
      read = resolve;
    });
    const fake = await startFakeServer({
      async listener(requests) {
        let stored = 0n;
        for await (const _ of requests) {
          stored++;
          await asked;
        }
        return { stored };
      },
    });
    onTestFinished(() => fake.close());
    const cli = startCli(["listener"], { CHATTER_URL: fake.url, CHATTER_TOKEN: "t" });
    const line = `${"x".repeat(1000)}\n`;
    let fed = 0;
    function* lines() {
      for (; fed < 20_000 * rounds; fed++) {
        yield line;
      }
    }
    const feeding = pipeline(Readable.from(lines()), cli.child.stdin);
    await settled(() => fed);
    // It has stopped reading: most of its input is still on our side.
    expect(fed).toBeLessThan(10_000);
    const before = residentMiB(cli.child.pid);
    read();
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, residentMiB(cli.child.pid));
    }, 20);
    await feeding.finally(() => clearInterval(watch));
    const { stdout } = await cli.ended;
    expect(JSON.parse(stdout)).toMatchObject({ stored: String(20_000 * rounds) });
    expect(most - before).toBeLessThan(roomMiB);
  },
  30_000 + 5_000 * rounds,
);

test("history waits for a slow reader of its output", async () => {
  // Compressed, it is not much smaller.
  const text = randomBytes(7_500).toString("base64");
  let sent = 0;
  const fake = await startFakeServer({
    async *history() {
      for (; sent < 3_000; sent++) {
        yield { message: text };
      }
    },
  });
  onTestFinished(() => fake.close());
  const cli = startCli(["history"], { CHATTER_URL: fake.url, CHATTER_TOKEN: "t" });
  cli.child.stdout.pause();
  await settled(() => sent);
  expect(sent).toBeGreaterThan(0);
  expect(sent).toBeLessThan(300);
  cli.child.stdout.resume();
  const { status, stdout } = await cli.ended;
  expect(status).toBe(0);
  expect(stdout.split("\n")).toHaveLength(3_001);
});

/** Resolves when a count has risen and then stayed for half a second. */
async function settled(count: () => number): Promise<void> {
  let last = -1;
  while (count() === 0 || count() !== last) {
    last = count();
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function residentMiB(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}

function envOf({ url, token }: TestServer) {
  return { CHATTER_URL: url, CHATTER_TOKEN: token };
}
