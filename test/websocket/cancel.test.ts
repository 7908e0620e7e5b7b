import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketClient } from "../../src/client/tunnel/client.js";
import { aheadOfCredit } from "../../src/protocol/tunnel.js";
import {
  binary,
  close,
  envelope,
  openingMessage,
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
  const raw = openRaw(port, "Echoer").write(openingMessage());
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
    const raw = openRaw(port, "Echoer").write(openingMessage());
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

test("so it does of any client that keeps to credit, in whatever chunks it sends", async () => {
  const { port, seen } = await startWaiting();
  const opening = JSON.stringify({
    headers: { "content-type": ["application/connect+json"] },
    credit: 0,
  });
  const raw = openRaw(port, "Listener").write(text(opening));
  await until(() => seen.entered === 1);
  // The smallest chunks that are still whole envelopes.
  const chunk = binary(envelope("{}"));
  const count = Math.floor(aheadOfCredit / envelope("{}").length);
  raw.write(...Array.from({ length: count }, () => chunk));
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

test("a body that is not wanted any more is closed, also without Connect's own pipeline", async () => {
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
