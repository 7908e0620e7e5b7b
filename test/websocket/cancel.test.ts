import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { aheadOfCredit } from "../../src/client/tunnel-wire.js";
import { createWebSocketClient } from "../../src/client/websocket-client.js";
import {
  binary,
  close,
  envelope,
  headMessage,
  openRaw,
  post,
  text,
} from "../support/websocket-raw.js";
import { aborted, echo, Feed, startTunnel, until } from "../support/websocket-service.js";

/** It takes a few milliseconds; the promise is 100, and machines are busy. */
const soon = 400;

const never = new Promise<never>(() => {});

/** Methods that wait for nothing but their signal, and note when it came. */
async function startWaiting() {
  const seen: { entered: number; abortedAt?: number; reason?: unknown } = { entered: 0 };
  async function wait(signal: AbortSignal): Promise<never> {
    seen.entered++;
    await aborted(signal);
    seen.abortedAt = Date.now();
    seen.reason = signal.reason;
    throw signal.reason;
  }
  const started = await startTunnel({
    login: (_, { signal }) => wait(signal),
    listener: (_, { signal }) => wait(signal),
    async *subscribe(_, { signal }) {
      yield { message: "first" };
      await wait(signal);
    },
    async *echoer(_, { signal }) {
      yield { message: "first" };
      await wait(signal);
    },
  });
  return { ...started, seen };
}

test.each(["login", "listener", "subscribe", "echoer"] as const)(
  "an abort of %s reaches the handler's signal at once and ends the call with canceled",
  async (method) => {
    const { client, bridge, seen } = await startWaiting();
    const feed = new Feed<{ message: string }>();
    // More than the method takes: what waits in the queue holds nothing up.
    feed.push({ message: "a" });
    feed.push({ message: "b" });
    const controller = new AbortController();
    const { signal } = controller;
    const call = (async () => {
      switch (method) {
        case "login":
          return client().login({}, { signal });
        case "listener":
          return client().listener(feed, { signal });
        case "subscribe":
        case "echoer":
          for await (const _ of method === "subscribe"
            ? client().subscribe({}, { signal })
            : client().echoer(feed, { signal })) {
            // Until it is aborted.
          }
      }
    })();
    call.catch(() => {});
    await until(() => seen.entered === 1);
    const start = Date.now();
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: Code.Canceled });
    await until(() => seen.abortedAt !== undefined);
    expect(seen.abortedAt! - start).toBeLessThan(soon);
    expect(ConnectError.from(seen.reason).code).toBe(Code.Canceled);
    await until(() => bridge.openCalls === 0);
  },
);

test.each([
  ["a cut", (raw: ReturnType<typeof openRaw>) => raw.socket.destroy()],
  ["a close frame", (raw: ReturnType<typeof openRaw>) => raw.write(close(1000))],
  [
    "a close frame with unread body before it",
    (raw: ReturnType<typeof openRaw>) => raw.write(post("b"), post("c"), close(1001)),
  ],
])("%s reaches the handler's signal at once", async (_, leave) => {
  const { port, bridge, seen } = await startWaiting();
  const raw = openRaw(port, "Echoer").write(headMessage());
  await until(() => seen.entered === 1);
  const start = Date.now();
  leave(raw);
  await until(() => seen.abortedAt !== undefined);
  expect(seen.abortedAt! - start).toBeLessThan(soon);
  await until(() => bridge.openCalls === 0);
});

test.each([1000, 4001])(
  "so does a close frame %i of a peer that keeps the connection open",
  async (code) => {
    const { port, bridge, seen } = await startWaiting();
    const raw = openRaw(port, "Echoer").write(headMessage());
    raw.closes = false;
    raw.socket.allowHalfOpen = true;
    await until(() => seen.entered === 1);
    const start = Date.now();
    raw.write(close(code));
    await until(() => seen.abortedAt !== undefined);
    expect(seen.abortedAt! - start).toBeLessThan(soon);
    await until(() => bridge.openCalls === 0 && raw.closeCode === code);
  },
);

test.each([
  ["small messages", 500],
  ["large messages", 60_000],
])("an abort reaches the signal at once though the upload stands still: %s", async (_, size) => {
  const { client, bridge, seen } = await startWaiting();
  const controller = new AbortController();
  let sent = 0;
  const call = client().listener(
    (async function* () {
      for (;;) {
        sent++;
        yield { message: "x".repeat(size) };
      }
    })(),
    { signal: controller.signal },
  );
  call.catch(() => {});
  await until(() => seen.entered === 1 && sent * size > 0.9 * aheadOfCredit);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const start = Date.now();
  controller.abort();
  await until(() => seen.abortedAt !== undefined);
  expect(seen.abortedAt! - start).toBeLessThan(soon);
  await until(() => bridge.openCalls === 0);
});

test("so it does of any client that keeps to credit, in whatever pieces it sends", async () => {
  const { port, seen } = await startWaiting();
  const head = JSON.stringify({
    headers: { "content-type": ["application/connect+json"] },
    credit: 0,
  });
  const raw = openRaw(port, "Listener").write(text(head));
  await until(() => seen.entered === 1);
  // The smallest pieces that are still whole envelopes.
  const piece = binary(envelope("{}"));
  const count = Math.floor(aheadOfCredit / envelope("{}").length);
  raw.write(...Array.from({ length: count }, () => piece));
  await new Promise((resolve) => setTimeout(resolve, 500));
  const start = Date.now();
  raw.write(close(4001));
  await until(() => seen.abortedAt !== undefined);
  expect(seen.abortedAt! - start).toBeLessThan(soon);
});

test("a call that was cancelled while it connected never reaches a handler", async () => {
  const { client, bridge, seen } = await startWaiting();
  const controller = new AbortController();
  const call = client().login({}, { signal: controller.signal });
  controller.abort();
  await expect(call).rejects.toMatchObject({ code: Code.Canceled });
  await expect(client().login({}, { signal: controller.signal })).rejects.toMatchObject({
    code: Code.Canceled,
  });
  await until(() => bridge.openCalls === 0);
  expect(seen.entered).toBe(0);
});

test("a method that does not listen holds no call up when its client has left", async () => {
  const { client, bridge } = await startTunnel({
    async *subscribe() {
      yield {};
      await never;
    },
  });
  const controller = new AbortController();
  const events = client().subscribe({}, { signal: controller.signal })[Symbol.asyncIterator]();
  await events.next();
  expect(bridge.openCalls).toBe(1);
  controller.abort();
  await until(() => bridge.openCalls === 0);
});

test.each(["application/connect+json", "application/json"])(
  "a deadline ends a call (%s) though its method is deaf, with deadline_exceeded and close 1000",
  async (type) => {
    const { port, bridge } = await startTunnel({ login: () => never, listener: () => never });
    const raw = openRaw(port, type === "application/json" ? "Login" : "Listener").write(
      headMessage({ "content-type": [type], "connect-timeout-ms": ["200"] }),
    );
    if (type === "application/json") {
      raw.write(binary("{}"), text("null"));
    }
    const start = Date.now();
    await raw.closed();
    expect(Date.now() - start).toBeGreaterThanOrEqual(190);
    expect(Date.now() - start).toBeLessThan(2_000);
    expect(raw.body.toString()).toContain(`"code":"deadline_exceeded"`);
    expect(raw.texts.at(-1)).toBe('{"end":true}');
    expect(raw.closeCode).toBe(1000);
    expect(bridge.openCalls).toBe(0);
  },
);

test("a deadline further off than timers go is none", async () => {
  let isAborted = false;
  const { port } = await startTunnel({
    async listener(_, { signal }) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      isAborted = signal.aborted;
      return {};
    },
  });
  const raw = openRaw(port, "Listener").write(
    headMessage({ "connect-timeout-ms": ["9999999999"] }),
    text("null"),
  );
  await raw.closed();
  expect(isAborted).toBe(false);
});

test("a deadline ends a stream after what it has sent, and the method that listens ends it itself", async () => {
  const { port } = await startTunnel({
    async *subscribe(_, { signal }) {
      yield { message: "first" };
      await aborted(signal);
      throw new ConnectError("in its own words", Code.DeadlineExceeded);
    },
    async *history() {
      yield { message: "first" };
      await never;
    },
  });
  const ends: string[] = [];
  for (const method of ["Subscribe", "History"]) {
    const raw = openRaw(port, method).write(
      headMessage({ "connect-timeout-ms": ["100"] }),
      binary(envelope("{}")),
      text("null"),
    );
    await raw.closed();
    expect(raw.body.toString()).toContain("first");
    ends.push(raw.body.toString());
  }
  expect(ends[0]).toContain("in its own words");
  expect(ends[1]).toContain("the operation timed out");
});

test("the client's own deadline ends its call with deadline_exceeded", async () => {
  const { client, bridge } = await startTunnel({ listener: () => never });
  const call = client().listener(new Feed(), { timeoutMs: 100 });
  await expect(call).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  await until(() => bridge.openCalls === 0);
});

test("a server that ends early stops the client's upload", async () => {
  let returned = false;
  const { client } = await startTunnel({
    async listener() {
      throw new ConnectError("enough", Code.ResourceExhausted);
    },
    echoer: echo,
  });
  async function* endless() {
    try {
      for (;;) {
        yield { message: "x".repeat(1000) };
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } finally {
      returned = true;
    }
  }
  await expect(client().listener(endless())).rejects.toMatchObject({
    code: Code.ResourceExhausted,
    rawMessage: "enough",
  });
  await until(() => returned);
});

test("a deadline closes the socket with 4004 if the client does not take what is left", async () => {
  const { port, bridge } = await startTunnel({
    async *history() {
      for (;;) {
        yield { message: "x".repeat(60_000) };
      }
    },
  });
  const raw = openRaw(port, "History").write(
    headMessage({ "connect-timeout-ms": ["100"] }),
    binary(envelope("{}")),
    text("null"),
  );
  await raw.closed(10_000);
  expect([raw.closeCode, raw.closeReason]).toEqual([4004, "the operation timed out"]);
  await until(() => bridge.openCalls === 0);
});

test("a body that is not wanted any more is told so, also without Connect's own pipeline", async () => {
  const { url } = await startTunnel({
    async listener() {
      throw new ConnectError("enough", Code.ResourceExhausted);
    },
  });
  let returned = false;
  async function* body() {
    try {
      for (;;) {
        yield Buffer.from(envelope("{}"));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } finally {
      returned = true;
    }
  }
  const response = await createWebSocketClient({ webSocket: WebSocket })({
    url: `${url}/chatter.v1.ChatterService/Listener`,
    method: "POST",
    header: new Headers({ "content-type": "application/connect+json" }),
    body: body(),
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) {
    chunks.push(chunk);
  }
  expect(Buffer.concat(chunks).toString()).toContain("enough");
  await until(() => returned);
});
