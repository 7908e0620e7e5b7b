import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { openingMessage, openRaw, post, text } from "../support/websocket-raw.js";
import { aborted, echo, Feed, startTunnel, until } from "../support/websocket-service.js";

const never = new Promise<never>(() => {});

test("calls end with unavailable, then their sockets with 1001, and new ones are refused", async () => {
  const { port, bridge } = await startTunnel({
    echoer: echo,
    async *subscribe(_, { signal }) {
      yield {};
      await aborted(signal);
      throw signal.reason;
    },
    // It ignores its signal.
    async *history() {
      yield {};
      await never;
    },
  });
  const raws = ["Subscribe", "History", "Echoer"].map((method) =>
    openRaw(port, method).write(
      openingMessage(),
      post(""),
      ...(method === "Echoer" ? [] : [text("null")]),
    ),
  );
  const idle = await openRaw(port, "Echoer").opened();
  await until(() => raws.every((raw) => raw.body.length > 0));
  const closed = bridge.close();
  expect(bridge.close()).toBe(closed);
  await closed;
  for (const raw of raws) {
    await raw.closed();
    expect(raw.body.toString()).toContain(`"code":"unavailable"`);
    expect(raw.texts.at(-1)).toBe('{"end":true}');
    expect(raw.closeCode).toBe(1001);
  }
  await idle.closed();
  expect(idle.closeCode).toBe(1001);
  expect(bridge.openCalls).toBe(0);
  expect((await openRaw(port, "Echoer").opened()).status).toBe(503);
});

test("handlers that end by themselves have the time they are given", async () => {
  const { client, bridge } = await startTunnel({
    async *subscribe(_, { signal }) {
      yield {};
      await new Promise((resolve) => setTimeout(resolve, 200));
      yield { message: signal.aborted ? "aborted" : "in its own time" };
    },
  });
  const events = client().subscribe({})[Symbol.asyncIterator]();
  await events.next();
  const closed = bridge.close({ endAfterMs: 2_000 });
  expect((await events.next()).value?.message).toBe("in its own time");
  expect((await events.next()).done).toBe(true);
  await closed;
});

test("a socket that still waits for its opening message is closed at once", async () => {
  const { port, bridge } = await startTunnel({ echoer: echo });
  const raw = await openRaw(port, "Echoer").opened();
  const start = Date.now();
  await bridge.close({ endAfterMs: 5_000 });
  expect(Date.now() - start).toBeLessThan(2_000);
  await raw.closed();
  expect(raw.closeCode).toBe(1001);
});

test("peers that do not answer the close of their call, or did not before, are cut after 2 s", async () => {
  const { port, bridge } = await startTunnel({ listener: () => never, echoer: echo });
  const running = openRaw(port, "Listener").write(openingMessage());
  const done = openRaw(port, "Echoer").write(openingMessage(), text("null"));
  for (const raw of [running, done]) {
    raw.closes = false;
  }
  await done.closed();
  await until(() => bridge.openCalls === 1);
  const start = Date.now();
  await bridge.close({ deadlineMs: 8_000 });
  expect(Date.now() - start).toBeLessThan(5_000);
  expect([running.closeCode, done.closeCode]).toEqual([1001, 1000]);
});

test("a client that takes nothing is cut at the deadline", async () => {
  const { port, bridge } = await startTunnel({
    async *history() {
      for (;;) {
        yield { message: "x".repeat(60_000) };
      }
    },
  });
  const raw = openRaw(port, "History").write(openingMessage(), post(""), text("null"));
  raw.closes = false;
  await until(() => raw.body.length >= 256 * 1024);
  await bridge.close({ deadlineMs: 300 });
  await until(() => raw.ended);
  expect(raw.closeCode).toBeUndefined();
});

test("the clients see unavailable, whatever kind of call it was", async () => {
  const { client, bridge } = await startTunnel({ login: () => never, listener: () => never });
  const calls = [client().login({}), client().listener(new Feed())];
  for (const call of calls) {
    call.catch(() => {});
  }
  await until(() => bridge.openCalls === 2);
  await bridge.close();
  for (const call of calls) {
    const error = await call.catch((reason) => reason);
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.code).toBe(Code.Unavailable);
  }
});
