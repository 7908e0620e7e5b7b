import { createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { LineLog } from "../support/line-log.js";
import { collect, until } from "../support/streams.js";
import { mainWires, transportOf } from "../support/wires.js";
import { openGoa } from "../websocket/goa/client.js";

const ways = [
  ...mainWires.map((wire) => ({
    name: wire.name,
    transportOf: ({ url }: TestServer) => transportOf(wire, url),
  })),
  {
    name: "WebSocket, tunnel",
    transportOf: ({ url }: TestServer) =>
      createWebSocketTransport({ baseUrl: url, webSocket: WebSocket }),
  },
];

async function start() {
  const log = new LineLog();
  return { log, server: await startChatter({ logger: log }) };
}

async function* none() {}

describe.each(ways)("over $name", ({ transportOf }) => {
  test("each kind of call keeps the id that it came with, in its line and its response", async () => {
    const { log, server } = await start();
    const client = createClient(ChatterService, transportOf(server));
    const answered: (string | null)[] = [];
    const optionsOf = (id: string) => ({
      headers: { ...server.headers, "x-request-id": id },
      onHeader: (header: Headers) => answered.push(header.get("x-request-id")),
    });
    await client.login({ user: "goa", password: "rocks" }, optionsOf("a-login/1"));
    await client.listener(none(), optionsOf("a-listener"));
    await collect(client.history({}, optionsOf("a-history")));
    await until(() => log.lines.length === 3, "all lines");
    expect(answered).toEqual(["a-login/1", "a-listener", "a-history"]);
    expect(log.lines.map(({ requestId }) => requestId)).toEqual(answered);
  });

  test.each([
    ["none", undefined],
    ["an empty one", ""],
    ["one with a blank in it", "one two"],
    ["one that is too long", "x".repeat(129)],
    ["one beyond ASCII", "\u00e9"],
  ])("a call with %s gets a new one", async (_, id) => {
    const { log, server } = await start();
    const headers = new Headers(server.headers);
    if (id !== undefined) {
      headers.set("x-request-id", id);
    }
    let answered: string | null = null;
    const onHeader = (header: Headers) => {
      answered = header.get("x-request-id");
    };
    const client = createClient(ChatterService, transportOf(server));
    await client.listener(none(), { headers, onHeader });
    expect(answered).toMatch(/^[0-9a-f-]{36}$/);
    await until(() => log.lines.length === 1, "the line");
    expect(log.lines[0]!.requestId).toBe(answered);
  });
});

test("goa's WebSockets have it among the headers of the handshake", async () => {
  const { log, server } = await start();
  const headers = { "x-request-id": "from-goa" };
  const socket = await openGoa(server, "/history", { headers });
  await socket.closed();
  expect(socket.headers["x-request-id"]).toBe("from-goa");
  await until(() => log.lines.length === 1, "the line");
  expect(log.lines[0]!.requestId).toBe("from-goa");
});
