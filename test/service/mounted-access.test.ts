import { Code, createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { LogService } from "../../src/gen/log_pb.js";
import type { ChatterOptions } from "../../src/server/chatter-options.js";
import { AskService, askRoutes } from "../support/ask-service.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { openRawConnection } from "../support/raw-connection.js";
import { errorOf, until } from "../support/streams.js";
import { transportOf, wires, withToken } from "../support/wires.js";

const [ask, look] = ["ask", "look"].map((name) => AskService.method[name]!);
/** The service's descriptor was made without names for JSON. */
const binaryWires = wires.filter(({ codec }) => codec === "binary");
const webSocket = WebSocket as unknown as typeof globalThis.WebSocket;
type Ask = Record<"ask" | "look", (question: object) => Promise<{ text: string }>>;

function start(access: (routes: Parameters<NonNullable<ChatterOptions["routes"]>>[1]) => void) {
  return startChatter({
    routes(router, routes) {
      askRoutes()(router);
      access(routes);
    },
  });
}

/** Clients of the service over each wire and through the tunnel. */
function clientsOf({ url }: TestServer, token?: string): Ask[] {
  const interceptors = token === undefined ? [] : [withToken(token)];
  const transports = [
    ...binaryWires.map((wire) => transportOf(wire, url, interceptors)),
    createWebSocketTransport({ baseUrl: url, interceptors, webSocket }),
  ];
  return transports.map((transport) => createClient(AskService, transport) as unknown as Ask);
}

test("a mounted service that is open is called without a token, on every wire and the tunnel", async () => {
  const server = await start((access) => access.open(AskService));
  for (const client of clientsOf(server)) {
    expect(await client.ask({ what: "echo", padding: "x".repeat(20_000) })).toBeDefined();
  }
});

test("a method needs the scope that it is given, and others a token of any scope", async () => {
  const server = await start((access) => access.require("stream:write", ask!));
  const { token } = await server.tokens.issue({ subject: "reader", scopes: ["stream:read"] });
  for (const client of clientsOf(server, token)) {
    expect(await client.look({ what: "echo" })).toBeDefined();
    expect((await errorOf(client.ask({ what: "echo" }))).message).toBe(
      "[permission_denied] invalid scopes in token",
    );
  }
  for (const client of clientsOf(server)) {
    expect((await errorOf(client.look({ what: "echo" }))).message).toMatch(/^\[unauthenticated\]/);
  }
  expect(look).toBeDefined();
});

test.each<[string, Parameters<typeof start>[0], string[]]>([
  [
    "open, but for one method",
    (access) => {
      access.open(AskService);
      access.require("stream:write", ask!);
    },
    ["look"],
  ],
  [
    "closed, but for one method",
    (access) => {
      access.require("stream:write", AskService);
      access.open(look!);
    },
    ["look"],
  ],
])("a service may be %s: what is said last counts", async (_, access, open) => {
  const server = await start(access);
  const [client] = clientsOf(server);
  for (const name of ["ask", "look"] as const) {
    const outcome = client![name]({ what: "echo" }).then(
      () => "answered",
      (error) => Code[error.code],
    );
    expect([name, await outcome]).toEqual([
      name,
      open.includes(name) ? "answered" : "Unauthenticated",
    ]);
  }
});

test("the token of a unary call is checked before its body is read", async () => {
  const server = await start(() => {});
  const connection = await openRawConnection(server.url);
  connection.socket.write(
    [
      "POST /ask.v1.AskService/Ask HTTP/1.1",
      "Host: localhost",
      "Content-Type: application/json",
      "Authorization: Bearer wrong",
      "Content-Length: 100000",
      "",
      '{"what": "',
    ].join("\r\n"),
  );
  await until(() => connection.received().includes("invalid token"), "the refusal");
  expect(String(connection.received())).toMatch(/^HTTP\/1\.1 401 /);
  connection.socket.destroy();
});

test("a method of Chatter that needs to know its caller cannot be opened: the program does not start", async () => {
  for (const [method, of] of [
    ["Post", ChatterService],
    ["Subscribe", ChatterService.method.subscribe],
    ["Export", LogService],
  ] as const) {
    await expect(start((access) => access.open(AskService, of))).rejects.toThrow(
      new RegExp(`Service/${method} cannot be open: it needs to know who calls$`),
    );
  }
  const server = await start((access) => access.open(ChatterService.method.login));
  expect(server.url).toBeDefined();
});
