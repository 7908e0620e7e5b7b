import { once } from "node:events";
import { Code, createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { progressOf } from "../support/outcome.js";
import { connectHttp2, envelope, post } from "../support/raw-http2.js";
import { startServe } from "../support/serve.js";
import { errorOf, Outbox, until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { connectWire, transportOf, withToken } from "../support/wires.js";

async function start(...args: string[]) {
  const server = await startServe(["--demo", "--log", "memory", "--data-dir", tempDir(), ...args]);
  const anyone = createClient(ChatterService, transportOf(connectWire, server.url));
  const { token } = await anyone.login({ user: "goa", password: "rocks" });
  const client = createClient(
    ChatterService,
    transportOf(connectWire, server.url, [withToken(token)]),
  );
  return { server, client, token };
}

/** A reader that reads nothing of a long history, so that its call cannot end by itself. */
async function stall(url: string, token: string): Promise<void> {
  const session = await connectHttp2(url);
  const stream = post(session, "/chatter.v1.ChatterService/History", {
    "content-type": "application/connect+proto",
    authorization: `Bearer ${token}`,
  });
  stream.end(envelope(""));
  await once(stream, "response");
}

async function* long() {
  for (let i = 0; i < 40; i++) {
    yield { message: "x".repeat(60_000) };
  }
}

test.each(["SIGTERM", "SIGINT"] as const)(
  "after %s calls end and the status is 0",
  async (signal) => {
    const { server, client } = await start();
    const outbox = new Outbox<{ message: string }>();
    const listening = errorOf(client.listener(outbox));
    outbox.send({ message: "a" });
    const echoed = new Outbox<{ message: string }>();
    const answers = client.echoer(echoed)[Symbol.asyncIterator]();
    echoed.send({ message: "b" });
    expect((await answers.next()).value).toMatchObject({ message: "b" });
    const subscribed = errorOf(client.subscribe({}));
    const idle = await connectHttp2(server.url);
    const goAway = once(idle, "goaway");
    await until(async () => (await client.summary(nothing())) && true, "the listener is under way");

    const ended = server.stop(signal);
    const echoing = await errorOf({ [Symbol.asyncIterator]: () => answers });
    for (const error of [echoing, await listening, await subscribed]) {
      expect([Code[error.code], error.rawMessage]).toEqual([
        "Unavailable",
        "the server is stopping",
      ]);
    }
    expect(progressOf(echoing)).toMatchObject({ stored: 1n });
    expect(progressOf(await listening)).toMatchObject({ stored: 1n });
    await goAway;
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(server.errors()).toContain('"msg":"the server has stopped"');
  },
);

test("a stalled stream is cut when --shutdown-grace is over", async () => {
  const { server, client, token } = await start("--shutdown-grace", "1");
  await client.listener(long());
  await stall(server.url, token);
  const before = performance.now();
  expect(await server.stop()).toEqual({ code: 0, signal: null });
  expect(performance.now() - before).toBeGreaterThan(900);
  expect(server.errors()).toMatch(/"cut":\d+,"msg":"connections were cut/);
});

test("a second signal ends it at once", async () => {
  const { server, client, token } = await start("--shutdown-grace", "60");
  await client.listener(long());
  await stall(server.url, token);
  server.child.kill("SIGTERM");
  await until(() => server.errors().includes('"msg":"the server is stopping"'), "it stops");
  expect(await server.stop("SIGTERM")).toEqual({ code: 128 + 15, signal: null });
});

async function* nothing() {}
