import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { get } from "node:https";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";
import { EchoerRequestSchema, EchoerResponseSchema } from "../../src/gen/chatter_pb.js";
import type { ListenOptions } from "../../src/server/http/server.js";
import { createAuthority } from "../support/certificates.js";
import { startChatter } from "../support/chatter-server.js";
import { collect, Outbox } from "../support/streams.js";
import { clientOf, fullDuplexWires, mainWires, tunnelClientOf } from "../support/wires.js";
import { openGoa } from "../websocket/goa/client.js";

const authority = createAuthority();
const { cert: ca } = authority;
const pair = authority.issue();

async function start(options: ListenOptions = {}) {
  const server = await startChatter({}, { tls: pair, ...options });
  return { ...server, ca, port: Number(new URL(server.url).port) };
}

interface Bare {
  readonly socket: Socket;
  readonly received: () => string;
  readonly closed: Promise<unknown>;
}

/** A bare connection, and what came by it. */
async function open(port: number): Promise<Bare> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {}); // A reset is as good an end as any.
  const closed = new Promise((resolve) => socket.once("close", resolve));
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
  });
  await once(socket, "connect");
  return { socket, received: () => received, closed };
}

function secured(socket: TLSSocket): Promise<TLSSocket> {
  onTestFinished(() => void socket.destroy());
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", () => resolve(socket)).once("error", reject);
  });
}

test("the URL is https", async () => {
  expect((await start()).url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
});

describe("every wire goes over TLS", () => {
  test.each(mainWires.map((wire) => [wire.name, wire] as const))("%s", async (_, wire) => {
    const client = clientOf(await start(), wire);
    await client.listener(createAsyncIterable([{ message: "a" }, { message: "b" }]));
    const messages = await collect(client.history({}));
    expect(messages.map(({ message }) => message)).toEqual(["a", "b"]);
  });

  test.each(fullDuplexWires.map((wire) => [wire.name, wire] as const))(
    "both directions at once: %s",
    async (_, wire) => {
      const outbox = new Outbox<{ message: string }>();
      const answers = clientOf(await start(), wire)
        .echoer(outbox)
        [Symbol.asyncIterator]();
      for (const message of ["one", "two"]) {
        outbox.send({ message });
        expect((await answers.next()).value).toMatchObject({ message });
      }
      outbox.end();
      expect((await answers.next()).done).toBe(true);
    },
  );

  test("gRPC, as grpc-js speaks it", async () => {
    const { url, headers } = await start();
    // From Node 26 on, grpc-js cannot reach an IP address over TLS.
    const host = `localhost:${new URL(url).port}`;
    const client = new Client(host, credentials.createSsl(Buffer.from(ca)));
    onTestFinished(() => client.close());
    const metadata = new Metadata();
    metadata.set("authorization", headers.authorization);
    const echo = client.makeBidiStreamRequest(
      "/chatter.v1.ChatterService/Echoer",
      (message: string) =>
        Buffer.from(toBinary(EchoerRequestSchema, create(EchoerRequestSchema, { message }))),
      (bytes) => fromBinary(EchoerResponseSchema, bytes).message,
      metadata,
    );
    echo.write("over TLS");
    expect(await once(echo, "data")).toEqual(["over TLS"]);
    echo.end();
    await once(echo, "end");
  });

  test("WebSocket, tunnel", async () => {
    const answers = tunnelClientOf(await start()).echoer(
      (async function* () {
        yield { message: "over TLS" };
      })(),
    );
    expect(await collect(answers)).toMatchObject([{ message: "over TLS" }]);
  });

  test("WebSocket, goa's dialect", async () => {
    const socket = await openGoa(await start(), "/echoer");
    expect((await socket.send("over TLS").received(1)).messages).toEqual(["over TLS"]);
  });
});

describe("the protocol is what ALPN agrees on", () => {
  test.each([
    ["HTTP/2", ["h2", "http/1.1"], "h2"],
    ["HTTP/1.1", ["http/1.1"], "http/1.1"],
    ["HTTP/1.1, without ALPN", [], false],
  ] as const)("%s", async (_, offered, agreed) => {
    const { port } = await start();
    const socket = await secured(connectTls({ port, ca, ALPNProtocols: [...offered] }));
    expect(socket.alpnProtocol).toBe(agreed);
    socket.write(agreed === "h2" ? "" : "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    const [first] = await once(socket, "data");
    if (agreed === "h2") {
      expect(first[3]).toBe(4); // SETTINGS
    } else {
      expect(String(first)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    }
  });

  test("nothing older than TLS 1.2", async () => {
    const { port } = await start();
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" } as const;
    await expect(secured(connectTls({ port, ca, ...old }))).rejects.toThrow(/protocol version/);
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const socket = await secured(connectTls({ port, ca, maxVersion }));
      expect(socket.getProtocol()).toBe(maxVersion);
    }
  });
});

test("a request that offers another upgrade gets its answer", async () => {
  const { url } = await start();
  const headers = { connection: "upgrade, http2-settings", upgrade: "h2c", "http2-settings": "" };
  const request = get(`${url}/livez`, { ca, headers });
  const [response] = await once(request, "response");
  expect(response.statusCode).toBe(200);
  response.resume();
});

test.each([
  ["HTTP/1.1", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
])("%s in cleartext gets the advice to use https, and is closed", async (_, head) => {
  const { port } = await start();
  const { socket, received, closed } = await open(port);
  socket.write(head);
  await closed;
  expect(received()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(received()).toMatch(/\r\n\r\nthis port speaks TLS: use https:\/\/\n$/);
});

describe("a handshake that does not come to its end is cut", () => {
  const hello = Buffer.from([22, 3, 1, 0x3f, 0, 1, 0, 0x3e, 0xfc, 3, 3]);

  test.each([
    ["with nothing", 0],
    ["in its first record", hello.length],
  ])("%s", async (_, length) => {
    const { port } = await start({ handshakeTimeoutMs: 100 });
    const { socket, closed } = await open(port);
    socket.write(hello.subarray(0, length));
    await closed;
  });

  test("also of one that continues, byte by byte", async () => {
    const { port } = await start({ handshakeTimeoutMs: 300 });
    const { socket, closed } = await open(port);
    socket.write(hello);
    const timer = setInterval(() => socket.write(Buffer.of(0)), 20);
    onTestFinished(() => clearInterval(timer));
    await closed;
  });

  test("and one that came to its end is not", async () => {
    const { port } = await start({ handshakeTimeoutMs: 1_500 });
    const [raw, session] = [
      await secured(connectTls({ port, ca })),
      connectHttp2(`https://localhost:${port}`, { ca }),
    ];
    onTestFinished(() => session.destroy());
    await new Promise((resolve) => setTimeout(resolve, 1_700));
    expect([raw.closed, await isAlive(session)]).toEqual([false, true]);
  });
});

function isAlive(session: ClientHttp2Session): Promise<boolean> {
  return new Promise((resolve) => session.ping((error) => resolve(error === null)));
}

test("a broken handshake harms nobody else", async () => {
  const server = await start();
  for (const garbage of ["\x16\x03\x01\x00\x05hello", "\x16\xff\xff\xff\xff", "\x16"]) {
    const { socket, closed } = await open(server.port);
    socket.end(Buffer.from(garbage, "latin1"));
    await closed;
  }
  const { socket } = await open(server.port);
  socket.write("\x16");
  socket.resetAndDestroy();
  await expect(
    clientOf(server).listener(createAsyncIterable([{ message: "a" }])),
  ).resolves.toMatchObject({
    stored: 1n,
  });
});

test("a stop does not wait for handshakes", async () => {
  const { port, server } = await start();
  const silent = await open(port);
  const begun = await open(port);
  begun.socket.write(Buffer.from([22, 3, 1]));
  await secured(connectTls({ port, ca })).then((socket) => socket.destroy()); // It has seen both.
  const seen = [silent.closed, begun.closed];
  await server.close(60_000);
  await Promise.all(seen);
});

test("a stop waits for no connection without a call", async () => {
  const { port, server, url } = await start();
  const http1 = await secured(connectTls({ port, ca, ALPNProtocols: ["http/1.1"] }));
  http1.write("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
  await once(http1, "data");
  const http2 = connectHttp2(url, { ca });
  onTestFinished(() => http2.destroy());
  await once(http2, "remoteSettings");
  const closed = [http1, http2].map((connection) => once(connection, "close"));
  await server.close(60_000);
  await Promise.all(closed);
});

test("methods see the scheme in the URL of their request", async () => {
  const schemes: string[] = [];
  const note: Interceptor = (next) => (request) => {
    schemes.push(new URL(request.url).protocol);
    return next(request);
  };
  const server = { ...(await startChatter({ interceptors: [note] }, { tls: pair })), ca };
  for (const wire of mainWires) {
    await collect(clientOf(server, wire).history({}));
  }
  await collect(tunnelClientOf(server).history({}));
  await (await openGoa(server, "/history")).closed();
  expect(new Set(schemes)).toEqual(new Set(["https:"]));
  expect(schemes).toHaveLength(mainWires.length + 2);
});

test("a certificate can be renewed, and connections that are open continue", async () => {
  const server = await start();
  const before = connectHttp2(server.url, { ca });
  onTestFinished(() => before.destroy());
  await once(before, "connect");
  const next = authority.issue({ commonName: "next" });
  server.server.renewCertificate(next);
  const after = await secured(connectTls({ port: server.port, ca }));
  expect(after.getPeerCertificate().subject.CN).toBe("next");
  expect(await isAlive(before)).toBe(true);
});

test("without TLS there is no certificate to renew", async () => {
  const { server } = await startChatter();
  expect(() => server.renewCertificate(pair)).toThrow(/has no TLS/);
});
