import { expect, test } from "vitest";
import { aheadOfCredit } from "../../src/protocol/tunnel.js";
import {
  binary,
  envelope,
  frame,
  messagesOf,
  opcode,
  openingMessage,
  openRaw,
  post,
  text,
} from "../support/websocket-raw.js";
import { echo, startTunnel, until } from "../support/websocket-service.js";

test("a call on the wire: opening message, body, end, close 1000, with nothing besides", async () => {
  const { port } = await startTunnel({ echoer: echo });
  const raw = openRaw(port, "Echoer").write(openingMessage(), post("a"), post("b"), text("null"));
  await raw.closed();
  expect(raw.texts).toEqual([
    '{"status":200,"headers":{"content-type":["application/connect+json"]}}',
    '{"end":true}',
  ]);
  expect(messagesOf(raw.body)).toEqual([{ message: "a" }, { message: "b" }, {}]);
  expect(raw.closeCode).toBe(1000);
});

test("the headers of the response come with the handler's first output, before the client is done", async () => {
  const { port } = await startTunnel({ echoer: echo });
  const raw = openRaw(port, "Echoer").write(openingMessage(), post("a"));
  await until(() => raw.body.length > 0);
  expect(raw.texts).toHaveLength(1);
  expect(raw.closeCode).toBeUndefined();
});

test("where the body is cut means nothing, nor where the packets are", async () => {
  const { port } = await startTunnel({ echoer: echo });
  const body = Buffer.concat([envelope('{"message":"a"}'), envelope('{"message":"é"}')]);
  const bytes = Buffer.concat([
    openingMessage(),
    ...[...body].map((byte) => binary(Buffer.from([byte]))),
    // A message in two frames, with a ping between them.
    frame(opcode.text, "nu", 0),
    frame(opcode.ping),
    frame(opcode.more, "ll"),
  ]);
  const raw = await openRaw(port, "Echoer").opened();
  for (const byte of bytes) {
    raw.socket.write(Buffer.from([byte]));
  }
  await raw.closed();
  expect(messagesOf(raw.body)).toEqual([{ message: "a" }, { message: "é" }, {}]);
  expect(raw.closeCode).toBe(1000);
});

test("an empty binary message comes at every interval, also before the response", async () => {
  const { port } = await startTunnel(
    { listener: () => new Promise(() => {}) },
    { heartbeatMs: 20 },
  );
  const raw = openRaw(port, "Listener").write(openingMessage());
  await until(() => raw.heartbeats >= 3);
  expect(raw.texts).toEqual([]);
});

test("at most 256 KiB go out beyond the credit given, and exactly what was given after that", async () => {
  const { port } = await startTunnel({
    async *history() {
      for (let i = 0; i < 64; i++) {
        yield { message: "x".repeat(60_000) };
      }
    },
  });
  const raw = openRaw(port, "History").write(
    openingMessage({ "content-type": ["application/connect+proto"] }),
    binary(envelope("")),
    text("null"),
  );
  const settled = async (length: number) => {
    await until(() => raw.body.length >= length);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(raw.body.length).toBe(length);
  };
  await settled(aheadOfCredit);
  raw.write(text('{"credit":1}'));
  await settled(aheadOfCredit + 1);
  raw.write(text('{"credit":100000}'), text('{"credit":0}'));
  await settled(aheadOfCredit + 100_001);
  raw.write(text(`{"credit":${Number.MAX_SAFE_INTEGER}}`), text('{"credit":1,"unknown":2}'));
  await raw.closed();
  expect(raw.closeCode).toBe(1000);
  expect(raw.body.length).toBeGreaterThan(64 * 60_000);
});

test("an error before the first message is a response, whole, and closed with 1000", async () => {
  const { port } = await startTunnel({ echoer: echo });
  const raw = openRaw(port, "Echoer").write(
    openingMessage({ "content-type": ["text/plain"] }),
    text("null"),
  );
  await raw.closed();
  expect(raw.texts).toEqual(['{"status":415,"headers":{}}', '{"end":true}']);
  expect(raw.closeCode).toBe(1000);
});

test("trailers of the handler come with the end", async () => {
  const { port } = await startTunnel({
    async *history(_, context) {
      yield {};
      context.responseTrailer.set("x-trailer", "one");
    },
  });
  const raw = openRaw(port, "History").write(
    openingMessage({ "content-type": ["application/grpc+proto"] }),
    binary(envelope("")),
    text("null"),
  );
  await raw.closed();
  expect(JSON.parse(raw.texts[1]!)).toMatchObject({
    end: true,
    trailers: { "x-trailer": ["one"], "grpc-status": ["0"] },
  });
});

test("the method sees the handshake's headers with the opening message's, and none that only a proxy may set", async () => {
  let seen: Headers | undefined;
  const { port, url } = await startTunnel({
    async *history(_, context) {
      seen = context.requestHeader;
      yield {};
    },
  });
  const raw = openRaw(port, "History?from=here", {
    headers: {
      Cookie: "session=1",
      "User-Agent": "socket",
      "Accept-Encoding": "gzip",
      "X-Forwarded-For": "10.0.0.1",
      "X-Proxy": "proxy",
    },
  }).write(
    openingMessage({
      "user-agent": ["call"],
      authorization: ["Bearer token"],
      cookie: ["session=2"],
      host: ["elsewhere"],
      "x-forwarded-for": ["10.0.0.2"],
      "x-forwarded-host": ["elsewhere"],
      "x-real-ip": ["10.0.0.2"],
      "x-proxy": ["client"],
      "x-many": ["1", "2"],
      connection: ["close"],
    }),
    binary(envelope("{}")),
    text("null"),
  );
  await raw.closed();
  expect(Object.fromEntries(seen ?? [])).toEqual({
    host: new URL(url).host,
    "content-type": "application/connect+json",
    cookie: "session=1",
    "user-agent": "call",
    authorization: "Bearer token",
    "x-forwarded-for": "10.0.0.1",
    "x-proxy": "proxy",
    "x-many": "1, 2",
  });
});
