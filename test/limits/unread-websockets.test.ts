import { describe, expect, test } from "vitest";
import { openingLimit } from "../../src/protocol/tunnel.js";
import { createMetrics, type Metrics } from "../../src/server/metrics/metrics.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { sleep, until } from "../support/streams.js";
import {
  binary,
  envelope,
  frame,
  messagesOf,
  opcode,
  openingMessage,
  openRaw,
  post,
  RawSocket,
  text,
} from "../support/websocket-raw.js";
import { clientOf } from "../support/wires.js";

const KiB = 1024;

async function start(options: Parameters<typeof startChatter>[0] = {}) {
  const metrics = createMetrics();
  const server = await startChatter({ ...options, metrics });
  return { server, metrics, port: Number(new URL(server.url).port) };
}

async function metricOf(metrics: Metrics, name: string, limit?: string): Promise<number> {
  const found = (await metrics.registry.getMetricsAsJSON()).find((metric) => metric.name === name);
  const values = found!.values as { value: number; labels: Record<string, string> }[];
  return values.find(({ labels }) => labels.limit === limit)?.value ?? 0;
}

const unread = (metrics: Metrics) => metricOf(metrics, "chatter_unread_bytes");

async function othersAreServed(server: TestServer): Promise<void> {
  const { stored } = await clientOf(server).listener(
    (async function* () {
      yield { message: "somebody else's" };
    })(),
  );
  expect(stored).toBe(1n);
}

const withToken = (server: TestServer) => ({ authorization: [server.headers.authorization] });

/** The first bytes of a message that is announced to have 500 KiB. */
function half(code: number, bytes: number): Buffer {
  return frame(code, Buffer.alloc(500 * KiB, "x")).subarray(0, bytes);
}

/** The same in one-byte fragments, without the last. */
function fragments(code: number, count: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, i) => frame(i === 0 ? code : opcode.more, "x", 0)),
  );
}

describe.each([
  {
    dialect: "the tunnel",
    code: opcode.binary,
    open: ({ server, port }: { server: TestServer; port: number }) =>
      openRaw(port, "Listener").write(openingMessage(withToken(server))),
  },
  {
    dialect: "goa's dialect",
    code: opcode.text,
    open: ({ server, port }: { server: TestServer; port: number }) =>
      new RawSocket(port, {
        path: "/listener",
        headers: { Authorization: server.headers.authorization },
      }),
  },
])("on a WebSocket of $dialect", ({ code, open }) => {
  test("a message half sent is counted, in one frame or in many", async () => {
    const at = await start();
    const one = await open(at).opened();
    one.write(half(code, 300 * KiB));
    await until(async () => (await unread(at.metrics)) >= 299 * KiB, "a frame half sent counts");
    one.socket.destroy();
    await until(async () => (await unread(at.metrics)) === 0, "until its client has left");
    const other = await open(at).opened();
    other.write(fragments(code, 3_000));
    await until(
      async () => (await unread(at.metrics)) >= 3_000 * 128,
      "and a small chunk its cost",
    );
    other.socket.destroy();
    await until(async () => (await unread(at.metrics)) === 0, "until its client has left");
  });

  test("the call that goes beyond the user's share is closed with 4008, and no other", async () => {
    const at = await start({ limits: { maxUnreadBytes: 768 * KiB } });
    const first = await open(at).opened();
    first.write(half(code, 300 * KiB));
    await until(async () => (await unread(at.metrics)) >= 299 * KiB, "it is counted");
    const second = await open(at).opened();
    second.write(half(code, 300 * KiB));
    await second.closed(20_000);
    expect(second.closeCode).toBe(4008);
    expect(await metricOf(at.metrics, "chatter_refused_total", "unread_bytes")).toBe(1);
    await othersAreServed(at.server);
    expect(first.closeCode).toBeUndefined();
    first.socket.destroy();
    second.socket.destroy();
    await until(async () => (await unread(at.metrics)) === 0, "nothing is held");
  });
});

test("of the tunnel's first message no more is taken than an opening message may have, before it is whole", async () => {
  const at = await start();
  const fits = await openRaw(at.port, "Login").opened();
  fits.write(half(opcode.text, openingLimit));
  const more = await openRaw(at.port, "Login").opened();
  more.write(half(opcode.text, openingLimit + 100));
  await more.closed(20_000);
  expect(more.closeCode).toBe(1009);
  expect(fits.closeCode).toBeUndefined();
});

/** A reflection stream that requests more than its client reads. */
function reflection(port: number): RawSocket {
  const raw = openRaw(port, "", {
    path: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  });
  return raw.write(openingMessage({ "content-type": ["application/connect+json"] }));
}

const question = binary(envelope('{"fileContainingSymbol":"chatter.v1.ChatterService"}'));

test("without a token 16 KiB wait in all; a client whose answers block it is closed with 4008", async () => {
  const at = await start();
  const raw = await reflection(at.port).opened();
  for (let i = 0; i < 20; i++) {
    raw.write(Buffer.concat(Array.from({ length: 500 }, () => question)));
  }
  let most = 0;
  await until(async () => {
    most = Math.max(most, await unread(at.metrics));
    return raw.closeCode !== undefined;
  }, "it is closed");
  expect(raw.closeCode).toBe(4008);
  // 16 KiB, and what one read of the socket brings.
  expect(most).toBeLessThan(16 * KiB + 2 * 64 * KiB);
  expect(await metricOf(at.metrics, "chatter_refused_total", "tunnel_blocked")).toBe(1);
  await othersAreServed(at.server);
  raw.socket.destroy();
  await until(async () => (await unread(at.metrics)) === 0, "nothing is held");
});

test("without a token a message that is longer, and comes in parts, is closed with 1009", async () => {
  const at = await start();
  const raw = await openRaw(at.port, "Login").opened();
  raw.write(openingMessage({ "content-type": ["application/json"] }));
  await sleep(100); // So that it is a read of its own.
  raw.write(half(opcode.binary, 20 * KiB));
  await raw.closed(20_000);
  expect(raw.closeCode).toBe(1009);
});

test("a call that neither side moves ends; one whose client has sent all may wait", async () => {
  const at = await start({ limits: { uploadIdleTimeoutMs: 500 } });
  const silent = await reflection(at.port).opened();
  silent.write(question);
  const waiting = await openRaw(at.port, "Subscribe").opened();
  waiting.write(openingMessage(withToken(at.server)), binary(envelope("{}")), text("null"));
  await silent.closed(20_000);
  expect(silent.body.toString()).toMatch(/resource_exhausted/);
  expect(await metricOf(at.metrics, "chatter_refused_total", "upload_idle_time")).toBeGreaterThan(
    0,
  );
  await sleep(600);
  expect(waiting.closeCode).toBeUndefined();
  await othersAreServed(at.server);
  await until(() => waiting.body.includes("somebody else's"), "it is read");
});

test("a large message that comes with the opening message waits for the token, and is taken", async () => {
  const { server, port } = await start();
  const large = post("x".repeat(32 * KiB));
  const raw = await openRaw(port, "Echoer").opened();
  raw.write(openingMessage(withToken(server)), large.subarray(0, 20 * KiB));
  await until(() => server.chatter.openCalls === 1, "the call is open");
  await sleep(1_500); // Longer than a client may take that has no valid token.
  raw.write(large.subarray(20 * KiB), text("null"));
  await raw.closed();
  expect(raw).toMatchObject({ closeCode: 1000, closeReason: "" });
  expect(messagesOf(raw.body)[0]).toMatchObject({ message: "x".repeat(32 * KiB) });
});
