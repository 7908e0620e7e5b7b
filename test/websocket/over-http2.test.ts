import { once, setMaxListeners } from "node:events";
import type { ClientHttp2Session } from "node:http2";
import { createClient, type Interceptor } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { certificateNameOf } from "../../src/server/index.js";
import { createAuthority } from "../support/certificates.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { collect, until } from "../support/streams.js";
import { openSession, webSocketOver } from "../support/websocket-over-http2.js";
import { withToken } from "../support/wires.js";

async function* each<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}

function clientOver(session: ClientHttp2Session, server: TestServer) {
  const transport = createWebSocketTransport({
    baseUrl: server.url,
    webSocket: webSocketOver(session),
    interceptors: [withToken(server.token)],
  });
  return createClient(ChatterService, transport);
}

test("the tunnel carries all four kinds of call, many at once on one session", async () => {
  const server = await startChatter();
  const session = await openSession(server);
  const chatter = clientOver(session, server);
  const left = new AbortController();
  setMaxListeners(0, left.signal); // Each call has one.
  const live = Array.from({ length: 100 }, () =>
    chatter.subscribe({}, { signal: left.signal })[Symbol.asyncIterator](),
  );
  const firsts = live.map((events) => events.next());
  await until(() => server.chatter.openWebSockets === 100, "all are subscribed");
  await until(() => server.chatter.openCalls === 100, "all are subscribed");
  const { token } = await chatter.login({ user: "goa", password: "rocks" });
  expect(token).toMatch(/^ey/);
  expect(await chatter.listener(each({ message: "a" }, { message: "b é" }))).toMatchObject({
    stored: 2n,
  });
  for (const { value } of await Promise.all(firsts)) {
    expect(value).toMatchObject({ message: "a", sequence: 1n });
  }
  const echoes = await collect(chatter.echoer(each({ message: "c" }, { message: "d" })));
  expect(echoes.map(({ message }) => message)).toEqual(["c", "d"]);
  expect(await collect(chatter.history({}))).toHaveLength(4);
  expect(server.server.connections).toEqual({ all: 1, http2: 1 });
  left.abort();
  await until(() => server.chatter.openWebSockets === 0, "all are closed");
  expect(session.destroyed).toBe(false);
});

test("goa's dialect, its close codes and its refusals are those of HTTP/1.1", async () => {
  const server = await startChatter();
  const session = await openSession(server);
  const open = (path: string, headers = {}) =>
    session.request({
      ...{ ":method": "CONNECT", ":protocol": "websocket", ":path": path },
      ...{ "sec-websocket-version": "13", ...headers },
    });
  const statusOf = async (stream: ReturnType<typeof open>) => {
    const [headers] = await once(stream, "response");
    let body = "";
    for await (const chunk of stream) {
      body += chunk;
    }
    return [headers[":status"], body];
  };
  expect(await statusOf(open("/nowhere"))).toEqual([404, expect.stringMatching(/\n$/)]);
  expect(await statusOf(open("/subscribe"))).toEqual([400, expect.stringMatching(/missing/)]);
  const foreign = open("/subscribe", { origin: "https://evil.example", ...server.headers });
  expect((await statusOf(foreign))[0]).toBe(403);
  expect((await statusOf(open("/subscribe", { "sec-websocket-version": "8" })))[0]).toBe(400);

  const stream = open("/history", server.headers);
  const [headers] = await once(stream, "response");
  expect(headers).toMatchObject({ ":status": 200 });
  expect(headers).not.toHaveProperty("connection");
  expect(headers).not.toHaveProperty("sec-websocket-accept");
  stream.resume();
  stream.end();
  await once(stream, "close");
});

test("a slow reader stops its own stream alone, and a stop closes with 1001", async () => {
  const server = await startChatter();
  const session = await openSession(server);
  const text = "x".repeat(60_000);
  await server.log.append(
    Array.from({ length: 200 }, () => ({ text, sender: "goa", messageId: "" })),
  );
  const chatter = clientOver(session, server);
  const history = chatter.history({})[Symbol.asyncIterator]();
  await history.next();
  expect(await chatter.listener(each({ message: "meanwhile" }))).toMatchObject({ stored: 1n });
  const live = chatter.subscribe({})[Symbol.asyncIterator]();
  const next = live.next();
  await until(() => server.chatter.openCalls === 2, "it is subscribed");
  await Promise.all([
    expect(next).rejects.toThrow(/the server is stopping/),
    server.server.close(5_000),
  ]);
});

test("a call has the name in the client's certificate, which is that of the session", async () => {
  const authority = createAuthority();
  const names: unknown[] = [];
  const note: Interceptor = (next) => (request) => {
    names.push(certificateNameOf({ values: request.contextValues }));
    return next(request);
  };
  const tls = { ...authority.issue(), clientCa: authority.cert, clientRequired: true };
  const server = await startChatter({ interceptors: [note] }, { tls });
  const own = authority.issue({ commonName: "alice" });
  const session = await openSession(server, { ca: authority.cert, ...own });
  expect(await collect(clientOver(session, server).history({}))).toEqual([]);
  expect(names).toEqual(["alice"]);
});
