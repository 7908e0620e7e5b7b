import { toBinary } from "@bufbuild/protobuf";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ListenerRequestSchema } from "../../src/gen/chatter_pb.js";
import { UnreadBytes } from "../../src/server/limits/unread-bytes.js";
import { createMetrics, type Metrics } from "../../src/server/metrics/metrics.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import {
  callHeaders,
  flag,
  frame,
  frameType,
  headerBlock,
  preface,
  settings,
  settingsAck,
} from "../support/http2-frames.js";
import { OtherService } from "../support/ignoring-service.js";
import { openRawConnection } from "../support/raw-connection.js";
import { answerOf, connectHttp2, envelope, post } from "../support/raw-http2.js";
import { errorOf, until } from "../support/streams.js";
import { clientOf, mainWires } from "../support/wires.js";

const KiB = 1024;

/** So that a user has 1.5 MiB, and an address without a token 256 KiB. */
const limits = { maxUnreadBytes: 2 * KiB * KiB };
const userShare = 1.5 * KiB * KiB;

async function start(routes?: (router: ConnectRouter) => void) {
  const metrics = createMetrics();
  const server = await startChatter({ limits, metrics, ...(routes ? { routes } : {}) });
  return { server, metrics };
}

async function metricOf(metrics: Metrics, name: string, limit?: string): Promise<number> {
  const found = (await metrics.registry.getMetricsAsJSON()).find((metric) => metric.name === name);
  const values = found!.values as { value: number; labels: Record<string, string> }[];
  return values.find(({ labels }) => labels.limit === limit)?.value ?? 0;
}

const unread = (metrics: Metrics) => metricOf(metrics, "chatter_unread_bytes");
const refused = (metrics: Metrics) => metricOf(metrics, "chatter_refused_total", "unread_bytes");

async function othersAreServed(server: TestServer): Promise<void> {
  const stored = await clientOf(server).listener(
    (async function* () {
      yield { message: "somebody else's" };
    })(),
  );
  expect(stored.stored).toBe(1n);
}

/** A post in its envelope, without its last bytes. */
const message = envelope(
  toBinary(ListenerRequestSchema, {
    $typeName: "chatter.v1.ListenerRequest",
    message: "x".repeat(60 * KiB),
    messageId: "",
    room: "",
  }),
);
const json = envelope(JSON.stringify({ message: "x".repeat(60 * KiB) }));
const cut = 60 * KiB - 1000;

describe.each([
  { type: "application/grpc", whole: message },
  { type: "application/grpc-web+proto", whole: message },
  { type: "application/connect+proto", whole: message },
  { type: "application/connect+json", whole: json },
])("messages half sent as $type", ({ type, whole }) => {
  test("have a bound together: the call that goes beyond it ends, the others continue", async () => {
    const { server, metrics } = await start();
    const session = await connectHttp2(server.url);
    const headers = { ...server.headers, "content-type": type, te: "trailers" };
    const calls = [];
    for (let sent = 0; sent < userShare - cut; sent += cut) {
      const stream = post(session, "/chatter.v1.ChatterService/Listener", headers);
      stream.write(whole.subarray(0, cut));
      calls.push({ stream, answer: answerOf(stream) });
      await until(async () => (await unread(metrics)) >= sent + cut, "it is counted");
    }
    expect(await refused(metrics)).toBe(0);
    const one = post(session, "/chatter.v1.ChatterService/Listener", headers);
    one.write(whole.subarray(0, cut));
    const { headers: head, trailers, body } = await answerOf(one);
    const said = `${head["grpc-status"]} ${trailers["grpc-status"]} ${body}`;
    expect(said).toMatch(/\b8\b|resource_exhausted/);
    expect(await refused(metrics)).toBe(1);
    await othersAreServed(server);
    for (const { stream } of calls) {
      stream.end(whole.subarray(cut));
    }
    await Promise.all(calls.map(({ answer }) => answer));
    expect(server.log.head).toBe(calls.length + 1);
    expect(await unread(metrics)).toBe(0);
  });
});

describe.each([
  { path: "/chatter.v1.ChatterService/Login", type: "application/json" },
  { path: "/chatter.v1.ChatterService/Login", type: "application/proto" },
  { path: "/chatter.v1.ChatterService/Login", type: "application/grpc" },
  { path: "/grpc.health.v1.Health/Watch", type: "application/grpc" },
  { path: "/grpc.health.v1.Health/Watch", type: "application/connect+json" },
  { path: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", type: "application/grpc" },
])("without a token, $path as $type", ({ path, type }) => {
  test("half-sent messages of an address are bounded, a byte at a time or not", async () => {
    const { server, metrics } = await start();
    const session = await connectHttp2(server.url);
    const headers = { "content-type": type, te: "trailers" };
    const half = envelope("x".repeat(16_000)).subarray(0, 15_000);
    const answers = [];
    for (let i = 0; i < 40; i++) {
      const stream = post(session, path, headers);
      stream.write(half.subarray(0, 14_990));
      for (let at = 14_990; at < half.length; at++) {
        stream.write(half.subarray(at, at + 1));
      }
      answers.push(answerOf(stream));
    }
    await until(async () => (await refused(metrics)) > 0, "one is refused");
    expect(await unread(metrics)).toBeLessThanOrEqual(256 * KiB);
    await othersAreServed(server); // A client with a token does not depend on the address's share.
    session.destroy();
    await Promise.all(answers);
    await until(async () => (await unread(metrics)) === 0, "nothing is held");
  });
});

test("addresses that fill what there is without a token keep nobody else from logging in", () => {
  const budget = new UnreadBytes({ maxUnreadBytes: 2 * KiB * KiB, onRefused() {} });
  for (const address of ["192.0.2.1", "192.0.2.2"]) {
    expect(budget.open(address).add(256 * KiB)).toBeUndefined();
  }
  const login = budget.open("192.0.2.3");
  expect(login.add(100)).toBeUndefined();
  login.end();
  expect(budget.open("192.0.2.4").add(16 * KiB)?.code).toBe(Code.ResourceExhausted);
  expect(budget.open("192.0.2.1").add(1)?.code).toBe(Code.ResourceExhausted);
});

test("what a method does not read is counted where Node keeps it, each small chunk at its cost", async () => {
  const { server, metrics } = await start((router) => {
    router.service(OtherService, {
      async *bidi(requests: AsyncIterable<unknown>) {
        for await (const _ of requests) {
          await new Promise(() => {});
        }
        yield {};
      },
    } as never);
  });
  const { socket } = await openRawConnection(server.url);
  const data = (payload: Buffer) => frame(frameType.data, 0, 1, payload);
  const headers = callHeaders("/other.v1.OtherService/Bidi", server.headers);
  socket.write(Buffer.concat([preface, settings(), settingsAck()]));
  socket.write(frame(frameType.headers, flag.endHeaders, 1, headerBlock(headers)));
  const chunk = data(Buffer.concat(Array.from({ length: 3_000 }, () => envelope(""))));
  await until(async () => {
    socket.write(chunk);
    return (await unread(metrics)) >= 256 * KiB;
  }, "the method is behind");
  // Far fewer bytes than the window has room for: their number is what costs.
  socket.write(Buffer.concat(Array.from({ length: 11_000 }, () => data(Buffer.alloc(5)))));
  await until(async () => (await refused(metrics)) > 0, "it is refused");
  await othersAreServed(server);
  socket.destroy();
  await until(async () => (await unread(metrics)) === 0, "nothing is held");
});

test("requests sent ahead on HTTP/1.1 are counted, of all connections of an address together", async () => {
  const metrics = createMetrics();
  // After that time, the server notices that they have left.
  const server = await startChatter({ limits: { ...limits, requestTimeoutMs: 2000 }, metrics });
  const watch =
    "POST /grpc.health.v1.Health/Watch HTTP/1.1\r\nhost: x\r\n" +
    `content-type: application/connect+proto\r\ncontent-length: 5\r\n\r\n${"\0".repeat(5)}`;
  const get = `GET /livez HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(10_000)}\r\n\r\n`;
  const connections = [];
  do {
    expect(connections.length).toBeLessThan(10);
    const held = await unread(metrics);
    const connection = await openRawConnection(server.url);
    connections.push(connection);
    connection.socket.write(watch + get.repeat(5));
    await until(
      async () => connection.ended || (await unread(metrics)) >= held + 30_000,
      "they are counted, or it is cut",
    );
  } while (!connections.at(-1)!.ended);
  expect(await refused(metrics)).toBe(1);
  expect(connections.filter(({ ended }) => ended)).toHaveLength(1);
  for (const { socket } of connections) {
    socket.destroy();
  }
  await until(async () => (await unread(metrics)) === 0, "nothing is held");
  await othersAreServed(server);
});

test("requests sent ahead leave the count as their turn comes", async () => {
  const { server, metrics } = await start();
  const { socket, received } = await openRawConnection(server.url);
  socket.write("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100));
  await until(() => received().toString().split("ok\n").length === 101, "all answers");
  expect(await unread(metrics)).toBe(0);
});

test("POST /login keeps nothing of its body", async () => {
  const { server, metrics } = await start();
  const session = await connectHttp2(server.url);
  const stream = post(session, "/login", {
    authorization: `Basic ${Buffer.from("goa:rocks").toString("base64")}`,
  });
  stream.end(Buffer.alloc(512 * KiB));
  expect((await answerOf(stream)).headers[":status"]).toBe(200);
  expect(await unread(metrics)).toBe(0);
});

test.each(mainWires)(
  "long lists of rooms are counted while their readers stay: $name",
  async (wire) => {
    const { server, metrics } = await start();
    const client = clientOf(server, wire);
    const leaving = new AbortController();
    const follow = async (prefix: string, count: number) => {
      const rooms = Array.from({ length: count }, (_, i) => `${prefix}/${i}`.padEnd(100, "x"));
      const events = client.subscribe({ rooms }, { signal: leaving.signal });
      const ended = errorOf(events);
      const before = await unread(metrics);
      const counted = until(async () => (await unread(metrics)) > before, "it is counted");
      return { ended, accepted: Promise.race([counted, ended]) };
    };
    const followed = [];
    for (let i = 0; i < 3; i++) {
      followed.push(await follow(`${i}`, 1000));
      expect(await followed.at(-1)!.accepted).toBeUndefined();
    }
    expect(await unread(metrics)).toBeGreaterThan(userShare / 2);
    expect((await (await follow("more", 1000)).ended).code).toBe(Code.ResourceExhausted);
    expect(await refused(metrics)).toBe(1);
    const few = client.subscribe({ rooms: ["a", "b", "c"] }, { signal: leaving.signal });
    const first = few[Symbol.asyncIterator]().next();
    await othersAreServed(server);
    await clientOf(server).post({ message: "for the few", room: "a" });
    expect((await first).value).toMatchObject({ message: "for the few" });
    leaving.abort();
    for (const { ended } of followed) {
      expect((await ended).code).toBe(Code.Canceled);
    }
    await until(async () => (await unread(metrics)) === 0, "nothing is counted any more");
  },
);
