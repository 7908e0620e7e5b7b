import { once } from "node:events";
import { connect } from "node:net";
import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { formatCursor } from "../../src/server/encoding/cursor.js";
import { startChatter } from "../support/chatter-server.js";
import { FaultyLog } from "../support/faulty-log.js";
import { fill } from "../support/fill.js";
import { ignoringRoutes, OtherService } from "../support/ignoring-service.js";
import { progressOf } from "../support/outcome.js";
import { connectHttp2, envelope } from "../support/raw-http2.js";
import { collect, errorOf, Outbox, until } from "../support/streams.js";
import {
  clientOf,
  connectWire,
  mainWires,
  transportOf,
  wires,
  withToken,
} from "../support/wires.js";

const graceMs = 5000;

/** What a promise has come to, if it has. */
async function withinMs<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

describe.each(mainWires)("a server that stops, over $name", (wire) => {
  test("ends every stream with `unavailable`, posting ones with their progress", async () => {
    const server = await startChatter();
    const client = clientOf(server, wire);
    const post = () => {
      const outbox = new Outbox<{ message: string }>();
      outbox.send({ message: "a" }, { message: "b" });
      return outbox;
    };
    const posting = [client.listener(post()), client.summary(post())].map(errorOf);
    const reading = [client.subscribe({}), client.subscribe({ bookmarkSeconds: 60 })].map(errorOf);
    await until(() => server.log.head === 4, "all posts are stored");
    await until(() => server.chatter.openCalls === 4, "all calls are under way");

    const closed = server.server.close(graceMs);
    expect(server.chatter.isReady()).toBe(false);
    for (const error of await Promise.all([...posting, ...reading])) {
      expect([Code[error.code], error.rawMessage]).toEqual([
        "Unavailable",
        "the server is stopping",
      ]);
    }
    for (const error of await Promise.all(posting)) {
      expect(progressOf(error)?.stored).toBe(2n);
    }
    await withinMs(closed, graceMs - 1000);
  });
});

test("echo answers what it has read before a stop ends it", async () => {
  const log = new FaultyLog();
  const server = await startChatter({ log });
  const outbox = new Outbox<{ message: string }>();
  const answers = clientOf(server).echoer(outbox)[Symbol.asyncIterator]();
  outbox.send({ message: "first" });
  expect((await answers.next()).value).toMatchObject({ message: "first" });
  let release = () => {};
  let held = false;
  log.beforeAppend = () => {
    held = true;
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  };
  outbox.send({ message: "read" });
  await until(() => held, "the log has the second message");
  const closed = server.server.close(graceMs);
  log.beforeAppend = () => {};
  release();
  expect((await answers.next()).value).toMatchObject({ message: "read", sequence: 2n });
  const error = await errorOf({ [Symbol.asyncIterator]: () => answers });
  expect([Code[error.code], error.rawMessage]).toEqual(["Unavailable", "the server is stopping"]);
  expect(progressOf(error)).toMatchObject({ stored: 2n, lastSequence: 2n });
  await withinMs(closed, graceMs - 1000);
});

describe.each(mainWires)("over $name, a reader of what is stored", (wire) => {
  test.each(["history", "subscribe"] as const)(
    "of %s ends with `unavailable` too",
    async (method) => {
      const server = await startChatter();
      await fill(server.log, Array(400).fill("x".repeat(60_000)));
      const after = formatCursor(server.log.identity, 0);
      const messages = clientOf(server, wire)[method]({ after })[Symbol.asyncIterator]();
      await messages.next();
      const closed = server.server.close(graceMs);
      const error = await errorOf({
        [Symbol.asyncIterator]: () => messages as AsyncIterator<unknown>,
      });
      expect([Code[error.code], error.rawMessage]).toEqual([
        "Unavailable",
        "the server is stopping",
      ]);
      await withinMs(closed, graceMs - 1000);
    },
  );
});

describe("a stop is not held up by", () => {
  test("connections that are idle, say nothing, or only half of what they want", async () => {
    const server = await startChatter();
    const port = Number(new URL(server.url).port);
    const sockets = [];
    for (const said of ["", "P", "PRI * HTTP/2.0\r\n", "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"]) {
      const socket = connect(port, "127.0.0.1");
      await once(socket, "connect");
      socket.write(said);
      sockets.push(socket);
    }
    await once(sockets[3]!, "readable"); // Now it is idle.
    const session = await connectHttp2(server.url);
    const goAway = once(session, "goaway");
    await Promise.all(
      wires.map((wire) => clientOf(server, wire).login({ user: "goa", password: "rocks" })),
    );
    await withinMs(server.server.close(graceMs), graceMs - 1000);
    await goAway;
    expect((await errorOf(fetch(`${server.url}/livez`))).message).toContain("fetch failed");
  });

  test.each([
    ["HTTP/1.1", wires[0]!],
    ["HTTP/2", connectWire],
  ])("a method that does not listen, beyond its grace, over %s", async (_, wire) => {
    const server = await startChatter({ routes: ignoringRoutes() });
    const client = createClient(
      OtherService,
      transportOf(wire, server.url, [withToken(server.token)]),
    ) as unknown as Record<string, (input: object) => AsyncIterable<unknown>>;
    const ended = errorOf(client.serverStream!({}));
    await until(() => server.chatter.openCalls === 1, "the call is under way");
    await withinMs(server.server.close(300), 3000);
    await ended;
  });

  test("a reader that takes nothing, beyond its grace", async () => {
    const server = await startChatter();
    await fill(server.log, Array(400).fill("x".repeat(60_000)));
    const session = await connectHttp2(server.url);
    const path = "/chatter.v1.ChatterService/History";
    const headers = { "content-type": "application/connect+proto", ...server.headers };
    const stalled = session.request({ ":method": "POST", ":path": path, ...headers });
    stalled.on("error", () => {});
    stalled.end(envelope(""));
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    socket.on("error", () => {});
    socket.write(
      `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/connect+proto\r\n` +
        `authorization: ${server.headers.authorization}\r\ncontent-length: 5\r\n\r\n`,
    );
    socket.write(envelope(""));
    await until(() => server.chatter.openCalls === 2, "both calls are under way");
    await withinMs(server.server.close(300), 3000);
    socket.destroy();
  });
});

test("a call on an open connection is refused after the stop has begun", async () => {
  const log = new FaultyLog();
  await fill(log, ["stored"]);
  const server = await startChatter({ log });
  const client = clientOf(server, wires[0]!); // HTTP/1.1: connections stay until they are idle.
  const slow = new Outbox<{ message: string }>();
  let release = () => {};
  log.beforeAppend = () =>
    new Promise<void>((resolve) => {
      release = resolve;
    });
  const listening = errorOf(client.listener(slow));
  slow.send({ message: "held" });
  await until(() => server.chatter.openCalls === 1, "the call is under way");
  const closed = server.chatter.stop();
  const error = await errorOf(collect(client.history({})));
  expect([Code[error.code], error.rawMessage]).toEqual(["Unavailable", "the server is stopping"]);
  release();
  await listening;
  await closed;
});
