import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Code, createClient } from "@connectrpc/connect";
import { afterEach, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { aheadOfCredit, tunnelProtocol } from "../../src/protocol/tunnel.js";
import { echo, startTunnel } from "../support/websocket-service.js";

const opening = '{"status":200,"headers":{"content-type":["application/proto"]}}';

const close: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of close.splice(0)) {
    await end();
  }
});

function clientOf(baseUrl: string) {
  return createClient(ChatterService, createWebSocketTransport({ baseUrl, webSocket: WebSocket }));
}

/** A client of a server that does what the test says with each socket. */
async function startFake(onSocket: (socket: WebSocket) => void, protocol = tunnelProtocol) {
  const server = createServer();
  const sockets = new WebSocketServer({ server, handleProtocols: () => protocol });
  sockets.on("connection", onSocket);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close.push(() => {
    for (const socket of sockets.clients) {
      socket.terminate();
    }
    return new Promise((resolve) => server.close(resolve));
  });
  return clientOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

test.each<[number, Code]>([
  [1000, Code.Unavailable],
  [1001, Code.Unavailable],
  [1002, Code.Internal],
  [1003, Code.Internal],
  [1007, Code.Internal],
  [1008, Code.Unavailable],
  [1009, Code.ResourceExhausted],
  [1011, Code.Internal],
  [1013, Code.Unavailable],
  [4003, Code.InvalidArgument],
  [4004, Code.DeadlineExceeded],
  [4014, Code.Unavailable],
  [4016, Code.Unauthenticated],
  [4017, Code.Unavailable],
])(
  "a close with %i before the response is whole is an error of its own code",
  async (code, connectCode) => {
    const client = await startFake((socket) => {
      socket.once("message", () => socket.close(code, "the reason"));
    });
    await expect(client.login({})).rejects.toMatchObject({
      code: connectCode,
      rawMessage: expect.stringContaining("the reason"),
    });
  },
);

test("a cut is unavailable, before the opening message and in the middle of a stream, after what came", async () => {
  const early = await startFake((socket) => socket.once("message", () => socket.terminate()));
  await expect(early.login({})).rejects.toMatchObject({ code: Code.Unavailable });
  const late = await startFake((socket) =>
    socket.once("message", () => {
      socket.send('{"status":200,"headers":{"content-type":["application/connect+proto"]}}');
      socket.send(Buffer.from([0, 0, 0, 0, 3, 10, 1, 97]), () => socket.terminate());
    }),
  );
  const events = late.subscribe({})[Symbol.asyncIterator]();
  expect((await events.next()).value?.message).toBe("a");
  await expect(events.next()).rejects.toMatchObject({ code: Code.Unavailable });
});

test("an end before the end of the stream is no normal end", async () => {
  const client = await startFake((socket) =>
    socket.once("message", () => {
      socket.send('{"status":200,"headers":{"content-type":["application/connect+proto"]}}');
      socket.send('{"end":true}');
    }),
  );
  await expect(client.subscribe({})[Symbol.asyncIterator]().next()).rejects.toThrow();
});

test.each<[string, (string | Buffer)[]]>([
  ["body before the opening message", [Buffer.from("a")]],
  ["an end before the opening message", ['{"end":true}']],
  ["two opening messages", [opening, opening]],
  ["no JSON", ["a"]],
  ["an invalid status", ['{"status":"200"}']],
])("a server that breaks the wire's order (%s) is internal", async (_, messages) => {
  const client = await startFake((socket) =>
    socket.once("message", () => {
      for (const message of messages) {
        socket.send(message);
      }
    }),
  );
  await expect(client.login({})).rejects.toMatchObject({ code: Code.Internal });
});

test("a server that sends more than it was given credit for is internal", async () => {
  const client = await startFake((socket) =>
    socket.once("message", () => {
      socket.send('{"status":200,"headers":{"content-type":["application/connect+proto"]}}');
      for (let i = 0; i < 8; i++) {
        // Full of empty messages.
        socket.send(Buffer.alloc(aheadOfCredit));
      }
    }),
  );
  const events = client.subscribe({})[Symbol.asyncIterator]();
  await events.next();
  await new Promise((resolve) => setTimeout(resolve, 200));
  await expect(
    (async () => {
      while (!(await events.next()).done) {
        // What was within the credit comes first.
      }
    })(),
  ).rejects.toMatchObject({ code: Code.Internal, rawMessage: expect.stringContaining("credit") });
});

test("a refused upgrade has the code of its HTTP status; no server at all is unavailable", async () => {
  const { url } = await startTunnel({ echoer: echo });
  // Its path is unknown.
  await expect(clientOf(`${url}/elsewhere`).login({})).rejects.toMatchObject({
    code: Code.Unimplemented,
    rawMessage: expect.stringContaining("HTTP 404"),
  });
  const foreign = createWebSocketTransport({
    baseUrl: url,
    webSocket: WebSocket,
    webSocketOptions: { origin: "https://evil.example" },
  });
  await expect(createClient(ChatterService, foreign).login({})).rejects.toMatchObject({
    code: Code.PermissionDenied,
  });
  await expect(clientOf("http://localhost:1").login({})).rejects.toMatchObject({
    code: Code.Unavailable,
    rawMessage: expect.stringMatching(/ws:\/\/localhost:1\/.*ECONNREFUSED/),
  });
});

test("a server of another subprotocol is none", async () => {
  const client = await startFake(() => {}, "connect-tunnel.v2");
  await expect(client.login({})).rejects.toMatchObject({ code: Code.Unavailable });
});
