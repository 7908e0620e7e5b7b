import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { startCli } from "../support/cli.js";
import { startHere } from "../support/cli-here.js";
import { post, startFakeServer } from "../support/cli-server.js";

let server: TestServer;
beforeEach(async () => {
  server = await startChatter();
  await post(server.log, "stored");
});

describe("Ctrl+C", () => {
  test.each([
    ["history", ["--follow"]],
    ["subscribe", ["--protocol", "grpc-web"]],
    ["subscribe", ["--no-resume", "--protocol", "ws"]],
    ["listener", []],
    ["listener", ["--reliable"]],
    ["echoer", ["--protocol", "grpc"]],
  ])("cancels chatter %s %j, which ends with status 130 and says no more", async (name, args) => {
    const env = { CHATTER_URL: server.url, CHATTER_TOKEN: server.token };
    // Its input stays open, as a terminal does.
    async function* input() {
      yield "one\n";
      await new Promise(() => {});
    }
    const cli = startHere([name, ...args], { input: input(), env });
    await expect.poll(() => server.chatter.openCalls, { timeout: 10_000 }).toBe(1);
    cli.interrupt();
    const { status, stderr } = await cli.ended;
    expect(status).toBe(130);
    expect(stderr).toMatch(/^(chatter: subscribed to main\n)?$/);
    await expect.poll(() => server.chatter.openCalls, { timeout: 5000 }).toBe(0);
  });

  test("is that of the process too", async () => {
    const cli = startCli(["history", "--follow"], {
      CHATTER_URL: server.url,
      CHATTER_TOKEN: server.token,
    });
    onTestFinished(() => void cli.child.kill("SIGKILL"));
    await cli.printed("stored");
    cli.child.kill("SIGINT");
    expect(await cli.ended).toMatchObject({ status: 130, stderr: "" });
  });

  test("cancels a login that gets no answer", async () => {
    let called = false;
    const fake = await startFakeServer({
      login: (_, { signal }) =>
        new Promise((_, reject) => {
          called = true;
          signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        }),
    });
    onTestFinished(() => fake.close());
    const args = ["login", "--user", "goa", "--password", "rocks", "--url", fake.url];
    const cli = startHere(args);
    await expect.poll(() => called, { timeout: 10_000 }).toBe(true);
    cli.interrupt();
    expect(await cli.ended).toEqual({ status: 130, stdout: "", stderr: "" });
  });
});
