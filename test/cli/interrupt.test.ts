import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { startCli } from "../support/cli.js";
import { post, startFakeServer } from "../support/cli-server.js";

let server: TestServer;
beforeEach(async () => {
  server = await startChatter();
  await post(server.log, "stored");
});

describe("Ctrl+C", () => {
  test.each([
    ["history", ["--follow"]],
    ["listener", []],
    ["echoer", ["--protocol", "grpc"]],
    ["subscribe", ["--protocol", "grpc-web"]],
  ])("cancels chatter %s %j, which ends with status 130 and says nothing", async (name, args) => {
    const env = { CHATTER_URL: server.url, CHATTER_TOKEN: server.token };
    const cli = startCli([name, ...args], env);
    onTestFinished(() => void cli.child.kill("SIGKILL"));
    // Its input stays open, as a terminal does.
    cli.child.stdin.write("one\n");
    await expect.poll(() => server.chatter.openCalls, { timeout: 10_000 }).toBe(1);
    cli.child.kill("SIGINT");
    expect(await cli.ended).toMatchObject({ status: 130, stderr: "" });
    await expect.poll(() => server.chatter.openCalls, { timeout: 5000 }).toBe(0);
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
    const cli = startCli(["login", "--user", "goa", "--password", "rocks", "--url", fake.url]);
    onTestFinished(() => void cli.child.kill("SIGKILL"));
    await expect.poll(() => called, { timeout: 10_000 }).toBe(true);
    cli.child.kill("SIGINT");
    expect(await cli.ended).toEqual({ status: 130, stdout: "", stderr: "" });
  });
});
