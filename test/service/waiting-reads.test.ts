import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createMetrics } from "../../src/server/metrics/metrics.js";
import { startChatter } from "../support/chatter-server.js";
import { fill } from "../support/fill.js";
import { answerOf, connectHttp2, envelope, post } from "../support/raw-http2.js";
import { errorOf, until } from "../support/streams.js";
import { clientOf, tunnelClientOf, wires } from "../support/wires.js";

const clients = [
  ...wires.map((wire) => ({
    name: wire.name,
    clientFor: (server: Parameters<typeof clientOf>[0]) => clientOf(server, wire),
  })),
  { name: "tunnel", clientFor: tunnelClientOf },
];

test.each(clients)(
  "$name: a Read that waits ends with its client, its deadline, its server",
  async ({ clientFor }) => {
    const server = await startChatter();
    const client = clientFor(server);
    const wait = { rooms: ["a"], waitSeconds: 60 };

    const leaving = new AbortController();
    const left = errorOf(client.read(wait, { signal: leaving.signal }));
    await until(() => server.chatter.openCalls === 1, "it waits");
    leaving.abort();
    expect((await left).code).toBe(Code.Canceled);
    await until(() => server.chatter.openCalls === 0, "nothing of it is left");

    const late = await errorOf(client.read(wait, { timeoutMs: 200 }));
    expect(late.code).toBe(Code.DeadlineExceeded);

    const stopped = errorOf(client.read(wait));
    await until(() => server.chatter.openCalls === 1, "another waits");
    await server.chatter.stop();
    expect((await stopped).code).toBe(Code.Unavailable);
  },
);

test("a Read may wait longer than a request may take to arrive", async () => {
  const server = await startChatter({ limits: { requestTimeoutMs: 100 } });
  const { messages } = await clientOf(server).read({ waitSeconds: 1 });
  expect(messages).toEqual([]);
});

test("a Read counts as a stream of its user while it waits", async () => {
  const server = await startChatter({ limits: { maxUserStreams: 1 } });
  const client = clientOf(server);
  const leaving = new AbortController();
  const waiting = errorOf(client.read({ waitSeconds: 60 }, { signal: leaving.signal }));
  await until(() => server.chatter.openCalls === 1, "it waits");
  const refused = await errorOf(client.read({ waitSeconds: 60 }));
  expect(refused.code).toBe(Code.ResourceExhausted);
  expect(refused.rawMessage).toMatch(/1 streams/);
  expect((await client.read({})).messages).toEqual([]); // It does not wait.

  leaving.abort();
  await waiting;
  await until(() => server.chatter.openCalls === 0, "it has ended");
  expect((await client.read({ waitSeconds: 1 })).messages).toEqual([]);
});

test("answers of Read that nobody takes are bounded", async () => {
  const metrics = createMetrics();
  // A user has three quarters.
  const server = await startChatter({ limits: { maxUnreadBytes: 2 * 1024 * 1024 }, metrics });
  await fill(server.log, Array(40).fill("x".repeat(60_000)));
  const session = await connectHttp2(server.url, { settings: { initialWindowSize: 1000 } });
  const ask = () => {
    const headers = { ...server.headers, "content-type": "application/grpc", te: "trailers" };
    const stream = post(session, "/chatter.v1.ChatterService/Read", headers);
    return stream.end(envelope(""));
  };
  const unread = async () => {
    const found = await metrics.registry.getMetricsAsJSON();
    return found.find(({ name }) => name === "chatter_unread_bytes")!.values[0]!.value as number;
  };
  ask(); // And takes no more of its answer than a window.
  await until(async () => (await unread()) > 1_000_000, "its answer is held");
  const { headers, trailers } = await answerOf(ask());
  expect(headers["grpc-status"] ?? trailers["grpc-status"]).toBe("8");

  session.destroy();
  await until(async () => (await unread()) === 0, "nothing is held");
  expect((await clientOf(server).read({})).messages).toHaveLength(17);
});
