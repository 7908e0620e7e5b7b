import type { Socket } from "node:net";
import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { Health } from "../../src/gen/health/v1/health_pb.js";
import { startChatter } from "../support/chatter-server.js";
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
import { openRawConnection } from "../support/raw-connection.js";
import { retryDelayOf } from "../support/retry-info.js";
import { errorOf, until } from "../support/streams.js";
import {
  binary,
  envelope,
  openingMessage,
  openRaw,
  RawSocket,
  text,
} from "../support/websocket-raw.js";
import { clientOf, connectWire, mainWires, transportOf } from "../support/wires.js";

describe.each(mainWires)("the streams of a user, over $name", (wire) => {
  test("one too many is refused, one that ends makes room, others are not touched", async () => {
    const refused: string[] = [];
    const server = await startChatter({
      limits: { maxUserStreams: 2, onRefused: (limit) => refused.push(limit) },
    });
    const client = clientOf(server, wire);
    const first = new AbortController();
    const rest = new AbortController();
    const open = [first, rest].map(({ signal }) => errorOf(client.subscribe({}, { signal })));
    await until(() => server.chatter.openCalls === 2, "two streams are open");

    const error = await errorOf(client.subscribe({}));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.rawMessage).toMatch(/2 streams/);
    expect(retryDelayOf(error)).toBe(1000);
    expect(refused).toEqual(["user_streams"]);

    const { token } = await server.tokens.issue({ subject: "other", scopes: ["stream:read"] });
    const other = clientOf(server, wire, token);
    for await (const _ of other.history({ limit: 1n })) {
      // Another user's is answered.
    }

    first.abort();
    await until(() => server.chatter.openCalls === 1, "one stream has ended");
    for await (const _ of client.history({ limit: 1n })) {
      // There is room again.
    }
    rest.abort();
    await Promise.all(open);
  });
});

test("goa's dialect is refused with 429 and Retry-After, the tunnel by its response", async () => {
  const server = await startChatter({ limits: { maxUserStreams: 1 } });
  const port = Number(new URL(server.url).port);
  const open = new AbortController();
  const subscribed = errorOf(clientOf(server).subscribe({}, { signal: open.signal }));
  await until(() => server.chatter.openCalls === 1, "a stream is open");

  const plain = new RawSocket(port, {
    path: "/subscribe",
    headers: { Authorization: server.headers.authorization },
  });
  await plain.opened();
  expect(plain.status).toBe(429);
  expect(plain.head).toMatch(/\r\nRetry-After: 1\r\n/i);

  const tunnel = openRaw(port, "Subscribe");
  await tunnel.opened();
  tunnel.write(
    openingMessage({ authorization: [server.headers.authorization] }),
    binary(envelope("{}")),
    text("null"),
  );
  await tunnel.closed();
  expect(tunnel.closeCode).toBe(1000);
  expect(tunnel.body.toString()).toMatch(/resource_exhausted.*google\.rpc\.RetryInfo/);
  open.abort();
  await subscribed;
});

test("streams that are refused, or fail, take no place for good", async () => {
  const server = await startChatter({ limits: { maxUserStreams: 1 } });
  const client = clientOf(server);
  for (let i = 0; i < 3; i++) {
    expect((await errorOf(client.history({ after: "no cursor" }))).code).toBe(Code.InvalidArgument);
    expect((await errorOf(client.subscribe({}, { timeoutMs: 30 }))).code).toBe(
      Code.DeadlineExceeded,
    );
    await until(() => server.chatter.openCalls === 0, "it has ended");
  }
});

test("streams without a token are counted by address", async () => {
  const server = await startChatter();
  const block = headerBlock(callHeaders("/grpc.health.v1.Health/Watch"));
  const sockets: Socket[] = [];
  // A connection without a token has a hundred streams.
  for (let connection = 0; connection < 10; connection++) {
    const { socket } = await openRawConnection(server.url);
    sockets.push(socket);
    socket.write(Buffer.concat([preface, settings(), settingsAck()]));
    for (let i = 0; i < 100; i++) {
      const stream = 2 * i + 1;
      socket.write(frame(frameType.headers, flag.endHeaders, stream, block));
      socket.write(frame(frameType.data, flag.endStream, stream, envelope("")));
    }
  }
  await until(() => server.chatter.openCalls === 1000, "a thousand are open");
  const health = createClient(Health, transportOf(connectWire, server.url));
  expect((await errorOf(health.watch({}))).code).toBe(Code.ResourceExhausted);
  expect(await health.check({})).toBeDefined();
  for await (const _ of clientOf(server).history({ limit: 1n })) {
    // A user is not touched.
  }
  for (const socket of sockets) {
    socket.destroy();
  }
  await until(() => server.chatter.openCalls === 0, "they are over");
  expect(await errorOf(health.watch({}, { timeoutMs: 50 }))).toMatchObject({
    code: Code.DeadlineExceeded,
  });
});
