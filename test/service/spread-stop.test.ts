import type { ClientHttp2Stream } from "node:http2";
import { expect, test } from "vitest";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { connectHttp2, envelope, post } from "../support/raw-http2.js";
import { errorOf, until } from "../support/streams.js";
import { clientOf } from "../support/wires.js";
import { openGoa } from "../websocket/goa/client.js";

const path = "/chatter.v1.ChatterService/Subscribe";

/** Opens subscriptions and resolves to when each of them ended, in order, and how. */
async function subscribe(server: TestServer, count: number) {
  const sessions = await Promise.all(Array.from({ length: 4 }, () => connectHttp2(server.url)));
  const headers = { "content-type": "application/connect+proto", ...server.headers };
  const ends: number[] = [];
  const bodies: string[] = [];
  for (let i = 0; i < count; i++) {
    const stream: ClientHttp2Stream = post(sessions[i % sessions.length]!, path, headers);
    let body = "";
    stream.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    stream.on("close", () => {
      ends.push(performance.now());
      bodies.push(body);
    });
    stream.end(envelope(""));
  }
  await until(() => server.chatter.openCalls === count, "all subscriptions stand");
  return { ends, bodies };
}

test("many streams end spread over half of the grace, each with its error", async () => {
  const server = await startChatter();
  const count = 2000;
  const { ends, bodies } = await subscribe(server, count);
  const graceMs = 30_000;
  const from = performance.now();
  const closed = server.server.close(graceMs);
  const refused = await errorOf(clientOf(server).login({ user: "goa", password: "rocks" }));
  expect(refused.message).toContain("ECONNREFUSED");
  await closed;
  expect(performance.now() - from).toBeLessThan(graceMs);
  await until(() => ends.length === count, "all have ended");
  for (const body of bodies) {
    expect(body).toContain('"code":"unavailable","message":"the server is stopping"');
  }
  // 500 a second: the middle eight tenths take 3.2 s.
  expect(ends[count * 0.9]! - ends[count * 0.1]!).toBeGreaterThan(800);
});

// A machine that stands still meanwhile gives all ends at once: then it is tried again.
test("many WebSockets end spread over time too, each with its close code", {
  retry: 3,
}, async () => {
  const server = await startChatter();
  const count = 300;
  const sockets = await Promise.all(
    Array.from({ length: count }, () => openGoa(server, "/subscribe")),
  );
  const ends: number[] = [];
  for (const { ws } of sockets) {
    ws.on("close", () => ends.push(performance.now()));
  }
  await until(() => server.chatter.openCalls === count, "all subscriptions stand");
  await server.chatter.stop();
  await until(() => ends.length === count, "all have ended");
  for (const { close } of sockets) {
    expect(close).toEqual({ code: 1001, reason: "the server is stopping" });
  }
  // 500 a second: the middle eight tenths take 480 ms.
  expect(ends[count * 0.9]! - ends[count * 0.1]!).toBeGreaterThan(200);
});

test("a handful ends at once", async () => {
  const server = await startChatter();
  const { ends } = await subscribe(server, 5);
  const from = performance.now();
  const stopped = server.chatter.stop(60_000);
  await until(() => ends.length === 5, "all have ended");
  await stopped;
  expect(performance.now() - from).toBeLessThan(10_000);
});

test("without any grace all end at once", async () => {
  const server = await startChatter();
  const { ends } = await subscribe(server, 200);
  await server.chatter.stop(0);
  await until(() => ends.length === 200, "all have ended");
});
