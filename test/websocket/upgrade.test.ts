import { request } from "node:http";
import { createContextKey, createContextValues } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createWebSocketBridge } from "../../src/server/websocket/bridge.js";
import {
  binary,
  envelope,
  openingMessage,
  openRaw,
  type RawOptions,
  RawSocket,
  text,
} from "../support/websocket-raw.js";
import { echo, startTunnel, until } from "../support/websocket-service.js";

const path = "/chatter.v1.ChatterService/Echoer";

test.each<[string, number, RawOptions]>([
  ["a foreign origin", 403, { headers: { Origin: "https://evil.example" } }],
  ["an invalid origin", 403, { headers: { Origin: "null" } }],
  ["the host's name with another port", 403, { headers: { Origin: "http://127.0.0.1:1" } }],
  ["a scheme that no page has", 403, { headers: { Origin: "ftp://h", Host: "h" } }],
  ["an origin with a user", 403, { headers: { Origin: "http://u@h", Host: "h" } }],
  ["an origin with a path", 403, { headers: { Origin: "http://h/x", Host: "h" } }],
  ["an origin with more than a host", 403, { headers: { Origin: "http://h?", Host: "h" } }],
  ["an invalid host", 403, { headers: { Origin: "http://h", Host: "h/x" } }],
  ["the scheme's port written out", 101, { headers: { Origin: "https://h", Host: "h:443" } }],
  ["http's port written out", 101, { headers: { Origin: "http://h", Host: "H:80" } }],
  ["the other scheme's port", 403, { headers: { Origin: "https://h", Host: "h:80" } }],
  ["a foreign origin to an unknown path", 403, { path: "/x", headers: { Origin: "https://e.e" } }],
  ["a listed origin", 101, { headers: { Origin: "https://app.example" } }],
  ["an unknown path", 404, { path: "/chatter.v1.ChatterService/Nothing" }],
  ["another verb", 405, { method: "POST", headers: { "Content-Length": "0" } }],
  ["no subprotocol", 400, { headers: { "Sec-WebSocket-Protocol": undefined } }],
  ["an unknown subprotocol", 400, { headers: { "Sec-WebSocket-Protocol": "connect-tunnel.v2" } }],
  [
    "the same subprotocol twice",
    400,
    { headers: { "Sec-WebSocket-Protocol": "connect-tunnel.v1, connect-tunnel.v1" } },
  ],
  ["the absolute form of the URL", 101, { path: `http://h${path}?a=b` }],
  ["the absolute form of an unknown URL", 404, { path: "http://h/" }],
  ["an invalid URL", 404, { path: "*" }],
  ["no host", 400, { headers: { Host: undefined } }],
  ["no key", 400, { headers: { "Sec-WebSocket-Key": undefined } }],
  ["an old version", 400, { headers: { "Sec-WebSocket-Version": "8" } }],
])("an upgrade with %s is answered %i", async (_, status, options) => {
  const { port } = await startTunnel({ echoer: echo }, { origins: ["https://app.example"] });
  const raw = await openRaw(port, "Echoer", options).opened();
  expect(raw.status).toBe(status);
  if (status !== 101) {
    expect(raw.head).toContain("Connection: close");
    await until(() => raw.ended);
  }
});

test("the same host is no foreign origin, whatever the scheme", async () => {
  const { port } = await startTunnel({ echoer: echo });
  for (const scheme of ["http", "https"]) {
    const headers = { Origin: `${scheme}://127.0.0.1:${port}` };
    expect((await openRaw(port, "Echoer", { headers }).opened()).status).toBe(101);
  }
});

test("the answer to HEAD has the length of a body, and none", async () => {
  const { port } = await startTunnel({ echoer: echo });
  const raw = await openRaw(port, "Echoer", { method: "HEAD" }).opened();
  await until(() => raw.ended);
  expect([raw.status, raw.answer]).toEqual([405, ""]);
  expect(raw.head).toMatch(/Content-Length: [1-9]/);
});

test("405 says which verb is right", async () => {
  const { port } = await startTunnel(
    { echoer: echo },
    { routes: [{ path: "/login", method: "POST" }] },
  );
  const login = await new RawSocket(port, { path: "/login" }).opened();
  expect([login.status, login.head]).toEqual([405, expect.stringContaining("Allow: POST")]);
  const put = await openRaw(port, "Echoer", { method: "PUT" }).opened();
  expect([put.status, put.head]).toEqual([405, expect.stringContaining("Allow: GET")]);
});

test("a token among the subprotocols is never chosen and never echoed", async () => {
  const { port } = await startTunnel({ echoer: echo });
  const offers = ["SECRET, connect-tunnel.v1", "SECRET"];
  const answers = offers.map((offer) =>
    openRaw(port, "Echoer", { headers: { "Sec-WebSocket-Protocol": offer } }),
  );
  for (const raw of answers) {
    await raw.opened();
    expect(raw.head).not.toContain("SECRET");
  }
  expect(answers.map(({ status }) => status)).toEqual([101, 400]);
  expect(answers[0]!.head).toContain("Sec-WebSocket-Protocol: connect-tunnel.v1\r\n");
  await until(() => answers[1]!.ended);
  expect(answers[1]!.answer).not.toContain("SECRET");
});

test.each(["h2c", "h2c, websocket", "TLS/1.2"])(
  "a POST with Upgrade: %s gets its ordinary answer",
  async (protocol) => {
    const { port } = await startTunnel({ echoer: echo });
    const body = "x".repeat(300_000);
    for (let i = 0; i < 2; i++) {
      const answer = await new Promise<string>((resolve, reject) => {
        const post = request(
          {
            port,
            host: "127.0.0.1",
            method: "POST",
            path: `${path}?q=${i}`,
            headers: {
              Connection: "Upgrade, HTTP2-Settings",
              Upgrade: protocol,
              "HTTP2-Settings": "AAMAAABk",
            },
          },
          async (response) => {
            let text = String(response.statusCode);
            for await (const chunk of response) {
              text += ` ${chunk}`;
            }
            resolve(text);
          },
        ).on("error", reject);
        post.end(body);
      });
      expect(answer).toBe(`200 POST ${path}?q=${i} ${body.length}`);
    }
  },
);

test("a connection that offers another protocol with each request is kept, and stays clean", async () => {
  const { port, server } = await startTunnel({ echoer: echo });
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  const raw = new RawSocket(port, { headers: { Upgrade: "h2c" } });
  const again = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
  for (let i = 1; i < 30; i++) {
    await until(() => raw.answer.split("GET / 0").length === i + 1);
    raw.socket.write(again);
  }
  process.off("warning", onWarning);
  expect(warnings).toEqual([]);
  raw.socket.destroy();
  await until(() => raw.ended);
  expect(server.listening).toBe(true);
});

test("pipelined requests get their answers in order, also behind those that offer another protocol", async () => {
  const { port } = await startTunnel({ echoer: echo });
  const raw = new RawSocket(port, {
    path: "/0",
    headers: { Connection: undefined, Upgrade: undefined },
  });
  for (const [i, upgrade] of ["", "h2c", "h2c", ""].entries()) {
    const offer = upgrade && `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`;
    raw.socket.write(`GET /${i + 1} HTTP/1.1\r\nHost: h\r\n${offer}\r\n`);
  }
  await until(() => raw.answer.includes("GET /4 0"));
  expect(raw.answer.match(/GET \/\d/g)).toEqual(["GET /0", "GET /1", "GET /2", "GET /3", "GET /4"]);
});

test.each([
  ["GET", "\r\n"],
  ["POST", "Content-Length: 10\r\n\r\nhello"],
])("a connection that is reset while such a %s waits harms nobody", async (method, rest) => {
  const { port, client, server } = await startTunnel({ login: () => ({}) });
  let waiting = 0;
  server.removeAllListeners("request").on("request", () => waiting++);
  const raw = new RawSocket(port, { headers: { Connection: undefined, Upgrade: undefined } });
  const offer = "Host: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n";
  raw.socket.write(`${method} / HTTP/1.1\r\n${offer}${rest}`);
  await until(() => waiting === 1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  raw.socket.resetAndDestroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await client().login({});
  expect(waiting).toBe(1);
});

test("the table refuses a stream that is bound to another verb than GET, saying so", () => {
  const handle = async () => {};
  const make = (method: string) =>
    createWebSocketBridge({ routes: [{ path: "/listener", method, handle }] });
  expect(() => make("POST")).toThrow(/\/listener.*cannot be bound to POST/);
  expect(() => make("GET")).not.toThrow();
  expect(() =>
    createWebSocketBridge({
      routes: [
        { path: "/a", method: "GET", handle },
        { path: "/a", method: "GET", handle },
      ],
    }),
  ).toThrow(/two .* \/a/);
});

test("an invalid origin, and settings for no endpoint, are refused when the bridge is made", () => {
  expect(() => createWebSocketBridge({ origins: ["app.example"] })).toThrow(/app\.example/);
  expect(() => createWebSocketBridge({ origins: ["https://app.example/"] })).toThrow(TypeError);
  expect(() => createWebSocketBridge({ endpoints: { "/x": {} } })).toThrow(/\/x/);
});

test("a path prefix and context values reach the handlers as with connectNodeAdapter", async () => {
  const key = createContextKey("nobody");
  const { port } = await startTunnel(
    {
      async *history(_, context) {
        yield { message: `${context.values.get(key)} at ${new URL(context.url).pathname}` };
      },
    },
    {
      requestPathPrefix: "/api",
      contextValues: ({ socket }) => createContextValues().set(key, String(socket.remoteAddress)),
    },
  );
  const raw = openRaw(port, "", { path: "/api/chatter.v1.ChatterService/History" }).write(
    openingMessage(),
    binary(envelope("{}")),
    text("null"),
  );
  await raw.closed();
  expect(raw.body.toString()).toContain("127.0.0.1 at /api/chatter.v1.ChatterService/History");
});

test.each(["a b", "a:x", "[::1", ""])(
  "an invalid host (%s) is no fault, and not part of the URL that a method sees",
  async (host) => {
    const { port } = await startTunnel({
      async *history(_, context) {
        yield { message: context.url };
      },
    });
    const raw = openRaw(port, "History", { headers: { Host: host } }).write(
      openingMessage(),
      binary(envelope("{}")),
      text("null"),
    );
    await raw.closed();
    expect(raw.closeCode).toBe(1000);
    expect(raw.body.toString()).toMatch(
      /http:\/\/localhost\/chatter\.v1\.ChatterService\/History"/,
    );
  },
);
