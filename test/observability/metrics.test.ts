import { connect } from "node:net";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import type { ChatterOptions } from "../../src/server/chatter-options.js";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import { createMetrics, type Metrics } from "../../src/server/metrics/metrics.js";
import { pingPolicy } from "../../src/server/websocket/ping-policy.js";
import { startChatter } from "../support/chatter-server.js";
import { FaultyLog } from "../support/faulty-log.js";
import { fill, numbered } from "../support/fill.js";
import { connectHttp2, envelope } from "../support/raw-http2.js";
import { collect, errorOf, until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { RawSocket } from "../support/websocket-raw.js";
import { clientOf, wires } from "../support/wires.js";
import { openGoa } from "../websocket/goa/client.js";

async function start(options: Partial<ChatterOptions> = {}) {
  const metrics = createMetrics();
  const log = options.log ?? createMemoryLog({ observer: metrics.log });
  const server = await startChatter({ ...options, log, metrics });
  return { metrics, server };
}

/** The sum of all series of a name that have these labels, as Prometheus would read it. */
async function read(metrics: Metrics, name: string, labels: Record<string, string> = {}) {
  const text = await metrics.registry.metrics();
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  const found = text
    .split("\n")
    .filter((line) => new RegExp(`^${name}[ {]`).test(line))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .map((line) => Number(line.split(" ").at(-1)));
  return found.reduce((sum, value) => sum + value, 0);
}

async function* posts(count: number, messageId?: string) {
  for (let i = 0; i < count; i++) {
    yield { message: `m${i}`, messageId };
  }
}

describe.each(wires)("calls over $name", (wire) => {
  test("are counted with their messages and their codes", async () => {
    const { metrics, server } = await start();
    const client = clientOf(server, wire);
    const method = (grpc_method: string) => ({
      grpc_service: "chatter.v1.ChatterService",
      grpc_method,
    });
    await client.listener(posts(3));
    await collect(client.history({}));
    await errorOf(client.history({ after: "?" }));
    await until(
      async () => (await read(metrics, "grpc_server_handled_total")) === 3,
      "all calls are over",
    );
    const values = {
      started: await read(metrics, "grpc_server_started_total", method("History")),
      ok: await read(metrics, "grpc_server_handled_total", {
        ...method("History"),
        grpc_type: "server_stream",
        grpc_code: "OK",
      }),
      refused: await read(metrics, "grpc_server_handled_total", {
        ...method("History"),
        grpc_code: "InvalidArgument",
      }),
      seconds: await read(metrics, "grpc_server_handling_seconds_count", method("History")),
      received: await read(metrics, "grpc_server_msg_received_total", method("Listener")),
      answered: await read(metrics, "grpc_server_msg_sent_total", method("Listener")),
      sent: await read(metrics, "grpc_server_msg_sent_total", method("History")),
      encoded: await read(metrics, "chatter_streams_total", { path: "passthrough" }),
    };
    expect(values).toEqual({
      started: 2,
      ok: 1,
      refused: 1,
      seconds: 2,
      received: 3,
      answered: 1,
      sent: 3,
      encoded: wire.codec === "binary" ? 3 : 0,
    });
  });
});

test("a method has its series before its first call, and what is not a method never has one", async () => {
  const { metrics, server } = await start();
  await fetch(`${server.url}/chatter.v1.ChatterService/Shout`, { method: "POST" });
  await fetch(`${server.url}/other.Service/Method`, { method: "POST" });
  const text = await metrics.registry.metrics();
  expect(text).toMatch(/^grpc_server_started_total\{.*grpc_method="Echoer"\} 0$/m);
  expect(text).not.toMatch(/Shout|other/);
});

test("open streams are counted by method and protocol, and their messages while they are open", async () => {
  const { metrics, server } = await start();
  const leaving = new AbortController();
  const tunnel = createWebSocketTransport({ baseUrl: server.url, webSocket: WebSocket });
  const clients = [
    clientOf(server, wires.find(({ protocol }) => protocol === "grpc")!),
    createClient(ChatterService, tunnel),
  ];
  const streams = clients.map((client) =>
    client
      .subscribe({}, { headers: server.headers, signal: leaving.signal })
      [Symbol.asyncIterator](),
  );
  const first = streams.map((stream) => stream.next());
  const goa = await openGoa(server, "/subscribe");
  await until(async () => (await read(metrics, "chatter_subscribers")) === 3, "three subscribers");
  await fill(server.log, ["one"]);
  await Promise.all([...first, goa.received(1)]);
  const open = (protocol: string) =>
    read(metrics, "chatter_open_streams", { grpc_method: "Subscribe", protocol });
  expect(await open("grpc")).toBe(1);
  expect(await open("websocket-tunnel")).toBe(1);
  expect(await open("websocket-plain")).toBe(1);
  expect(await read(metrics, "chatter_open_streams")).toBe(3);
  expect(await read(metrics, "grpc_server_msg_sent_total", { grpc_method: "Subscribe" })).toBe(3);
  leaving.abort();
  goa.ws.close();
  await until(async () => (await read(metrics, "chatter_open_streams")) === 0, "none is open");
  expect(await read(metrics, "grpc_server_msg_sent_total", { grpc_method: "Subscribe" })).toBe(3);
  expect(await read(metrics, "chatter_subscribers")).toBe(0);
  await Promise.all(streams.map((stream) => stream.next().catch(() => {})));
});

test("a subscriber that takes nothing is behind, and is seen to be", async () => {
  const { metrics, server } = await start();
  const session = await connectHttp2(server.url);
  const stalled = session.request({
    ":method": "POST",
    ":path": "/chatter.v1.ChatterService/Subscribe",
    "content-type": "application/connect+proto",
    ...server.headers,
  });
  stalled.on("error", () => {});
  stalled.end(envelope(""));
  await until(async () => (await read(metrics, "chatter_subscribers")) === 1, "a subscriber");
  for (let i = 0; i < 20; i++) {
    await fill(server.log, numbered(50, "x".repeat(1000)));
  }
  const lag = () => read(metrics, "chatter_subscriber_lag_max");
  const behind = (more_than: string) => read(metrics, "chatter_subscribers_behind", { more_than });
  expect(await lag()).toBeGreaterThan(100);
  expect(await lag()).toBeLessThanOrEqual(1000);
  expect([await behind("0"), await behind("100"), await behind("10000")]).toEqual([1, 1, 0]);
  expect(await read(metrics, "chatter_log_head")).toBe(1000);
});

test("the log's commits, repeats and disk are measured", async () => {
  const metrics = createMetrics();
  const dir = tempDir();
  const log = await openFileLog({ dir, observer: metrics.log });
  const server = await startChatter({ log, metrics });
  const client = clientOf(server);
  await client.listener(posts(10));
  await client.summary(posts(1, "an-id"));
  const { summaries } = await client.summary(
    (async function* () {
      yield { message: "m0", messageId: "an-id" };
    })(),
  );
  expect(summaries[0]!.sequence).toBe(11n);
  expect(await read(metrics, "chatter_log_messages_total")).toBe(11);
  expect(await read(metrics, "chatter_log_commit_messages_sum")).toBe(11);
  expect(await read(metrics, "chatter_log_repeats_total")).toBe(1);
  expect(await read(metrics, "chatter_log_bytes_total")).toBeGreaterThan(11 * 20);
  const commits = await read(metrics, "chatter_log_commit_seconds_count");
  expect(commits).toBeGreaterThanOrEqual(2);
  expect(await read(metrics, "chatter_log_sync_seconds_count")).toBe(commits);
  expect(await read(metrics, "chatter_log_sync_seconds_sum")).toBeGreaterThan(0);
  expect(await read(metrics, "chatter_log_sync_seconds_sum")).toBeLessThan(
    await read(metrics, "chatter_log_commit_seconds_sum"),
  );
  expect(await read(metrics, "chatter_log_appends_total")).toBeGreaterThanOrEqual(commits + 1);
  expect([
    await read(metrics, "chatter_log_head"),
    await read(metrics, "chatter_log_first"),
    await read(metrics, "chatter_log_writable"),
    await read(metrics, "chatter_ready"),
  ]).toEqual([11, 1, 1, 1]);
});

test("what a limit refuses is counted by the limit's name", async () => {
  const { metrics, server } = await start({ limits: { maxUserStreams: 1 } });
  const leaving = new AbortController();
  const client = clientOf(server);
  const events = client.subscribe({}, { signal: leaving.signal })[Symbol.asyncIterator]();
  const next = events.next().catch(() => {});
  await until(async () => (await read(metrics, "chatter_subscribers")) === 1, "a subscriber");
  await errorOf(client.history({}));
  expect(await read(metrics, "chatter_refused_total", { limit: "user_streams" })).toBe(1);
  leaving.abort();
  await next;
});

test("a log that takes no messages is seen at once", async () => {
  const log = new FaultyLog();
  const { metrics } = await start({ log });
  log.writeFault = new ConnectError("the disk is full", Code.Unavailable);
  expect([
    await read(metrics, "chatter_log_writable"),
    await read(metrics, "chatter_ready"),
  ]).toEqual([0, 0]);
});

test("a scrape takes no longer than some milliseconds with ten thousand subscribers", async () => {
  const metrics = createMetrics();
  const isReady = () => true;
  const log = createMemoryLog();
  function* subscribers() {
    for (let i = 0; i < 10_000; i++) {
      yield 0;
    }
  }
  metrics.observeServer({ log, isReady, subscribers });
  await metrics.registry.metrics();
  const start = performance.now();
  await metrics.registry.metrics();
  expect(performance.now() - start).toBeLessThan(500);
  expect(await read(metrics, "chatter_subscribers")).toBe(10_000);
});

test("connections that are cut because they answer no pings are counted", async () => {
  const metrics = createMetrics();
  const server = await startChatter(
    {
      metrics,
      webSocket: { endpoints: { "/subscribe": { configure: pingPolicy({ intervalMs: 20 }) } } },
    },
    { pingIntervalMs: 20, onSilent: () => metrics.recordUnresponsive("http2") },
  );
  const mute = connect(Number(new URL(server.url).port), "127.0.0.1");
  mute.on("error", () => {});
  mute.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"); // and empty SETTINGS
  await until(
    async () =>
      (await read(metrics, "chatter_silent_connections_total", { protocol: "http2" })) === 1,
    "the HTTP/2 connection is cut",
  );
  const raw = new RawSocket(Number(new URL(server.url).port), {
    path: "/subscribe",
    headers: server.headers,
  });
  raw.pongs = false;
  await until(
    async () =>
      (await read(metrics, "chatter_silent_connections_total", { protocol: "websocket" })) === 1,
    "the WebSocket is cut",
  );
  mute.destroy();
});
