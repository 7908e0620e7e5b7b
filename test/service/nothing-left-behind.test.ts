import { once } from "node:events";
import { connect } from "node:net";
import { type CallOptions, type Client, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import type { ChatterService } from "../../src/gen/chatter_pb.js";
import { Health } from "../../src/gen/health/v1/health_pb.js";
import { startChatter } from "../support/chatter-server.js";
import { FaultyLog } from "../support/faulty-log.js";
import { fill } from "../support/fill.js";
import { answerOf, connectHttp2, envelope, post } from "../support/raw-http2.js";
import { errorOf, Outbox, until } from "../support/streams.js";
import { clientOf, deadlineHeader, gzipWires, transportOf, wires } from "../support/wires.js";

/** Timers that keep the process alive. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

type Call = (
  client: Client<typeof ChatterService>,
  options: CallOptions,
) => Promise<unknown> | AsyncIterable<unknown>;

function open(): Outbox<{ message: string }> {
  const outbox = new Outbox<{ message: string }>();
  outbox.send({ message: "x" });
  return outbox;
}

const calls: Record<string, Call> = {
  Listener: (client, options) => client.listener(open(), options),
  Summary: (client, options) => client.summary(open(), options),
  Echoer: (client, options) => client.echoer(open(), options),
  Subscribe: (client, options) => client.subscribe({}, options),
  "Subscribe with bookmarks": (client, options) =>
    client.subscribe({ bookmarkSeconds: 60 }, options),
};

/** Far away: the server's timer is there, and must go with the call. */
const timeoutMs = 3_600_000;

async function start() {
  const log = new FaultyLog();
  const server = await startChatter({ log });
  return { log, server };
}

/** Resolves when no trace of a call is left. */
async function nothingLeft(
  { server, log }: Awaited<ReturnType<typeof start>>,
  timersBefore: number,
) {
  await until(() => server.chatter.openCalls === 0, "no call is under way");
  await until(() => log.waiting === 0, "nobody waits for the log");
  await until(() => timers() <= timersBefore, "no timer is left");
}

describe.each([...wires, ...gzipWires])("a client that leaves, over $name", (wire) => {
  test("leaves nothing behind, whatever it called", async () => {
    const started = await start();
    const { server } = started;
    const client = clientOf(server, wire);
    await client.login({ user: "goa", password: "rocks" });
    const before = timers();
    const leave = new AbortController();
    const options = { signal: leave.signal, headers: deadlineHeader(wire, timeoutMs) };
    const possible = Object.entries(calls).filter(
      ([name]) => wire.http === "2" || name !== "Echoer",
    );
    const errors = possible.map(([, call]) => errorOf(call(client, options)));
    await until(() => server.chatter.openCalls === possible.length, "all calls are under way");
    expect(timers()).toBeGreaterThan(before);
    leave.abort();
    await Promise.all(errors);
    await nothingLeft(started, before);
  });

  test("leaves nothing behind in the middle of a long history", async () => {
    const started = await start();
    const { server, log } = started;
    await fill(
      log,
      Array.from({ length: 100 }, () => "x".repeat(60_000)),
    );
    const client = clientOf(server, wire);
    await client.login({ user: "goa", password: "rocks" });
    const before = timers();
    const leave = new AbortController();
    const history = client.history(
      {},
      { headers: deadlineHeader(wire, timeoutMs), signal: leave.signal },
    );
    const first = await history[Symbol.asyncIterator]().next();
    expect(first.done).toBe(false);
    expect(server.chatter.openCalls).toBe(1);
    leave.abort();
    await nothingLeft(started, before);
  });
});

describe("a connection that breaks", () => {
  test.each(["Listener", "Summary", "Echoer"])(
    "in the middle of a message for %s leaves nothing behind",
    async (method) => {
      const started = await start();
      const { server, log } = started;
      const before = timers();
      const session = await connectHttp2(server.url);
      const stream = post(session, `/chatter.v1.ChatterService/${method}`, {
        "content-type": "application/grpc",
        "grpc-timeout": "1H",
        ...server.headers,
      });
      const answer = answerOf(stream);
      stream.write(envelope("\n\u0001a"));
      stream.write(envelope("\n\u0005cut o").subarray(0, 8));
      await until(() => log.head === 1, "the whole message is stored");
      session.destroy();
      await answer;
      await nothingLeft(started, before);
      expect(log.head).toBe(1);
    },
  );

  test("while its reader is stalled leaves nothing behind, on HTTP/1.1 too", async () => {
    const started = await start();
    const { server, log } = started;
    await fill(
      log,
      Array.from({ length: 300 }, () => "x".repeat(60_000)),
    );
    const before = timers();
    for (const type of ["application/connect+proto", "application/connect+json"]) {
      const { port } = new URL(server.url);
      const socket = connect(Number(port), "127.0.0.1");
      await once(socket, "connect");
      const body = envelope(type.endsWith("json") ? "{}" : "");
      socket.write(
        `POST /chatter.v1.ChatterService/History HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\n` +
          `authorization: ${server.headers.authorization}\r\nconnect-timeout-ms: ${timeoutMs}\r\n` +
          `content-length: ${body.length}\r\n\r\n`,
      );
      socket.write(body);
      await once(socket, "readable"); // And no more is read.
      socket.destroy();
    }
    await nothingLeft(started, before);
  });

  test("leaves nothing of the calls that wait behind another one on HTTP/1.1", async () => {
    const started = await start();
    const { server, log } = started;
    await fill(
      log,
      Array.from({ length: 100 }, () => "x".repeat(60_000)),
    );
    const before = timers();
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    await once(socket, "connect");
    const request = (path: string, body = envelope("")) =>
      Buffer.concat([
        Buffer.from(
          `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/connect+proto\r\n` +
            `authorization: ${server.headers.authorization}\r\n` +
            `content-length: ${body.length}\r\n\r\n`,
        ),
        body,
      ]);
    const subscribe = request("/chatter.v1.ChatterService/Subscribe");
    const history = request("/chatter.v1.ChatterService/History");
    const watch = request("/grpc.health.v1.Health/Watch");
    socket.write(Buffer.concat([history, subscribe, history, watch]));
    socket.resume();
    await until(() => log.waiting === 1, "the first is answered, the second is under way");
    expect(server.chatter.openCalls).toBe(1);
    socket.destroy();
    await nothingLeft(started, before);
  });

  test("leaves nothing behind when the server reads no more of it", async () => {
    const server = await startChatter({ limits: { requestTimeoutMs: 200 } });
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    await once(socket, "connect");
    socket.on("error", () => {}); // That it is cut.
    socket.write(
      "POST /grpc.health.v1.Health/Watch HTTP/1.1\r\nhost: x\r\n" +
        `content-type: application/connect+proto\r\ncontent-length: 5\r\n\r\n${"\0".repeat(5)}`,
    );
    await until(() => server.chatter.openCalls === 1, "the call is under way");
    socket.write("POST /login HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n");
    await new Promise((resolve) => socket.write(Buffer.alloc(100_000), resolve));
    socket.destroy();
    await until(() => server.chatter.openCalls === 0, "no call is under way");
    await until(() => server.server.connections.all === 0, "no connection is open");
  });

  test("leaves no watcher of the health behind", async () => {
    const started = await start();
    const before = timers();
    const leave = new AbortController();
    const health = createClient(Health, transportOf(wires[1]!, started.server.url));
    const ended = errorOf(health.watch({}, { signal: leave.signal }));
    await until(() => started.server.chatter.openCalls === 1, "the call is under way");
    leave.abort();
    await ended;
    await nothingLeft(started, before);
  });
});
