import { BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { ChatterService, View } from "../../src/gen/chatter_pb.js";
import { Health } from "../../src/gen/health/v1/health_pb.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { FaultyLog } from "../support/faulty-log.js";
import { fill } from "../support/fill.js";
import { LineLog } from "../support/line-log.js";
import { answerOf, connectHttp2, envelope, post } from "../support/raw-http2.js";
import { collect, errorOf, until } from "../support/streams.js";
import { clientOf, gzipWires, transportOf, wires } from "../support/wires.js";
import { openGoa } from "../websocket/goa/client.js";

const secretText = "what nobody but its readers may see";

async function* posts(count: number) {
  for (let i = 0; i < count; i++) {
    yield { message: secretText };
  }
}

const tunnelOf = ({ url }: TestServer) =>
  createWebSocketTransport({ baseUrl: url, webSocket: WebSocket });

const clients = [
  ...[...wires, ...gzipWires].map((wire) => ({
    name: wire.name,
    protocol: wire.protocol as string,
    bidi: wire.http === "2",
    clientOf: (server: TestServer) => clientOf(server, wire),
    headersOf: () => ({}),
  })),
  {
    name: "WebSocket, tunnel",
    protocol: "websocket-tunnel",
    bidi: true,
    clientOf: (server: TestServer) => createClient(ChatterService, tunnelOf(server)),
    headersOf: (server: TestServer) => server.headers,
  },
];

describe.each(clients)("over $name", ({ protocol, bidi, clientOf, headersOf }) => {
  test("each call has one line with its method, user, code, time and messages", async () => {
    const log = new LineLog();
    const server = await startChatter({ logger: log });
    const client = clientOf(server);
    const headers = headersOf(server);
    const line = (name: string, received: number, sent: number, more: object = {}) => ({
      level: "info",
      text: "call",
      method: `chatter.v1.ChatterService/${name}`,
      protocol,
      user: "goa",
      peer: "127.0.0.1",
      code: "ok",
      received,
      sent,
      durationMs: expect.any(Number),
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      ...more,
    });

    await client.login({ user: "goa", password: "rocks" });
    await client.listener(posts(3), { headers });
    await client.summary(posts(2), { headers });
    await collect(client.history({}, { headers }));
    await collect(client.history({ limit: 2n, view: View.TINY }, { headers }));
    const lines = [
      line("Login", 1, 1, { user: undefined }),
      line("Listener", 3, 1),
      line("Summary", 2, 1),
      line("History", 1, 5),
      line("History", 1, 2),
    ];
    if (bidi) {
      await collect(client.echoer(posts(4), { headers }));
      lines.push(line("Echoer", 4, 4));
    }
    const leaving = new AbortController();
    const options = { headers, signal: leaving.signal };
    const events = client.subscribe({ after: `${server.log.identity}AAAAAAAA` }, options);
    const iterator = events[Symbol.asyncIterator]();
    for (let i = 0; i < server.log.head; i++) {
      await iterator.next();
    }
    expect(log.lines).toHaveLength(lines.length); // A call that continues has none.
    leaving.abort();
    await errorOf(iterator.next());
    const left = { code: "canceled", error: expect.any(String) };
    lines.push(line("Subscribe", 1, server.log.head, left));
    await until(() => log.lines.length === lines.length, "the line of the subscription");
    const { rawMessage } = await errorOf(client.history({ view: 9 as View }, { headers }));
    lines.push(line("History", 1, 0, { code: "invalid_argument", error: rawMessage }));
    await until(() => log.lines.length === lines.length, "the line of the refusal");
    expect(log.lines).toEqual(lines);
    const written = JSON.stringify(log.lines);
    expect(written).not.toContain(secretText);
    expect(written).not.toContain(server.token);
    expect(written).not.toContain("rocks");
  });
});

test("calls of goa's WebSockets have lines of their own protocol", async () => {
  const log = new LineLog();
  const server = await startChatter({ logger: log });
  await fill(server.log, ["a", "b"]);
  const socket = await openGoa(server, "/echoer");
  await socket.send("c", "d", null).closed();
  await (await openGoa(server, "/history")).closed();
  await until(() => log.lines.length === 2, "both lines are written");
  expect(log.lines).toMatchObject([
    { protocol: "websocket-plain", user: "goa", code: "ok", received: 2, sent: 2 },
    { protocol: "websocket-plain", user: "goa", code: "ok", received: 1, sent: 4 },
  ]);
});

test("a call of goa's WebSockets without a token has a line too", async () => {
  const log = new LineLog();
  const server = await startChatter({ logger: log });
  await errorOf(openGoa(server, "/listener", { authorization: null }));
  await until(() => log.lines.length === 1, "the line is written");
  expect(log.lines).toMatchObject([{ protocol: "websocket-plain", code: "unauthenticated" }]);
});

test("a call of goa's that is refused for what it asks, or a login without a password, has one", async () => {
  const log = new LineLog();
  const server = await startChatter({ logger: log });
  await errorOf(openGoa(server, "/history?view=huge"));
  expect((await fetch(`${server.url}/login`, { method: "POST" })).status).toBe(400);
  await until(() => log.lines.length === 2, "both lines are written");
  expect(log.lines).toMatchObject([
    { protocol: "websocket-plain", user: "goa", code: "invalid_argument" },
    { method: "chatter.v1.ChatterService/Login", code: "invalid_argument" },
  ]);
});

/** Each has the secret text where Connect's and JavaScript's readers of JSON quote it. */
const unreadable = [
  JSON.stringify(secretText),
  JSON.stringify({ [secretText]: 1 }),
  JSON.stringify({ view: secretText, limit: secretText }),
  `{"message":"${secretText}`,
  `{"message":${secretText}}`,
  `[${"x".repeat(5_000)}`,
];

describe.each(["connect", "grpc", "grpc-web"])("over %s, with JSON", (protocol) => {
  test("a message that cannot be read is not quoted in its line, nor a long header", async () => {
    const log = new LineLog();
    const server = await startChatter({ logger: log });
    const session = await connectHttp2(server.url);
    const call = (name: string, type: string, body: Buffer | string, more: object = {}) => {
      const headers = { "content-type": type, te: "trailers", ...server.headers, ...more };
      const stream = post(session, `/chatter.v1.ChatterService/${name}`, headers);
      stream.end(body);
      return answerOf(stream);
    };
    const prefix = protocol === "connect" ? "application/connect" : `application/${protocol}`;
    for (const json of unreadable) {
      await call("Listener", `${prefix}+json`, envelope(json));
      await call("History", `${prefix}+json`, envelope(json));
      await (protocol === "connect"
        ? call("Login", "application/json", json)
        : call("Login", `${prefix}+json`, envelope(json)));
    }
    const timeout = { "grpc-timeout": "9".repeat(6_000), "connect-timeout-ms": "9".repeat(6_000) };
    await call("History", `${prefix}+proto`, envelope(""), timeout);
    const calls = 3 * unreadable.length + 1;
    await until(() => log.lines.length === calls, "all lines are written");
    const refused = log.lines.filter(({ code }) => code === "invalid_argument");
    expect(refused.length).toBeGreaterThan(2 * unreadable.length);
    expect(JSON.stringify(log.lines)).not.toMatch(/what nobody|but its|readers may|xxx/);
    for (const line of log.lines) {
      expect(JSON.stringify(line).length).toBeLessThan(2_000);
    }
  });
});

describe.each(wires)("over $name", (wire) => {
  test("a call without a valid token has a line, without the token", async () => {
    const log = new LineLog();
    const server = await startChatter({ logger: log });
    const token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJnb2EifQ.secret";
    await errorOf(clientOf(server, wire, token).history({}));
    await until(() => log.lines.length === 1, "the line is written");
    expect(log.lines[0]).toMatchObject({ code: "unauthenticated", sent: 0 });
    expect(log.lines[0]!.user).toBeUndefined();
    expect(JSON.stringify(log.lines)).not.toContain("secret");
  });

  test("says why a token was refused, which its bearer does not get", async () => {
    const log = new LineLog();
    const server = await startChatter({ logger: log });
    const key = await parseSigningKey("k".repeat(32), "test");
    const elsewhere = createTokens({ key, audience: "another server" });
    const { token } = await elsewhere.issue({ subject: "goa", scopes: [] });
    const { rawMessage } = await errorOf(clientOf(server, wire, token).history({}));
    expect(rawMessage).toBe("invalid token");
    await until(() => log.lines.length === 1, "the line is written");
    expect(log.lines).toMatchObject([
      { error: "invalid token", reason: 'unexpected "aud" claim value' },
    ]);
    expect(JSON.stringify(log.lines)).not.toContain("another server");
  });

  test("a unary message that cannot be read is a call too", async () => {
    const log = new LineLog();
    const server = await startChatter({ logger: log });
    const client = createClient(Health, transportOf(wire, server.url, []));
    await errorOf(client.check({ service: "x".repeat(600_000) }));
    await until(() => log.lines.length === 1, "the line is written");
    expect(log.lines).toMatchObject([
      {
        method: "grpc.health.v1.Health/Check",
        protocol: wire.protocol,
        code: "resource_exhausted",
      },
    ]);
  });

  test("a call that fails in the server is an error with its cause, which is not sent", async () => {
    const lines = new LineLog();
    const log = new FaultyLog();
    log.beforeRead = () => {
      throw new Error("the disk said something secret");
    };
    await fill(log, ["stored"]);
    const server = await startChatter({ log, logger: lines });
    const error = await errorOf(clientOf(server, wire).history({}));
    expect(error.rawMessage).toBe("internal error");
    await until(() => lines.lines.length === 1, "the line is written");
    expect(lines.lines).toMatchObject([
      {
        level: "error",
        text: "call failed",
        code: "internal",
        err: { message: "the disk said something secret" },
      },
    ]);
  });
});

test.each([...wires, ...gzipWires].filter(({ codec }) => codec === "binary"))(
  "an invalid unary message is its client's fault, not the server's, over $name",
  async (wire) => {
    const log = new LineLog();
    const server = await startChatter({ logger: log });
    const check = { ...Health.method.check, input: BytesValueSchema };
    const noUtf8 = { value: Uint8Array.of(0xff) };
    const { unary } = transportOf(wire, server.url);
    const error = await errorOf(unary(check, undefined, undefined, undefined, noUtf8));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.rawMessage).toMatch(/^the message cannot be read: /);
    await until(() => log.lines.length === 1, "the line is written");
    expect(log.lines).toMatchObject([
      {
        level: "info",
        method: "grpc.health.v1.Health/Check",
        protocol: wire.protocol,
        code: "invalid_argument",
        error: error.rawMessage,
      },
    ]);
  },
);
