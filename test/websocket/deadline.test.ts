import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { errorOf } from "../support/streams.js";
import { reported, unhandledRejections } from "../support/unhandled.js";
import { binary, envelope, openingMessage, openRaw, text } from "../support/websocket-raw.js";
import { aborted, Feed, startTunnel, until } from "../support/websocket-service.js";

const never = new Promise<never>(() => {});

test.each(["application/connect+json", "application/json"])(
  "a deadline ends a call (%s) though its method ignores its signal, with deadline_exceeded and close 1000",
  async (type) => {
    const { port, bridge } = await startTunnel({ login: () => never, listener: () => never });
    const raw = openRaw(port, type === "application/json" ? "Login" : "Listener").write(
      openingMessage({ "content-type": [type], "connect-timeout-ms": ["200"] }),
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
    openingMessage({ "connect-timeout-ms": ["9999999999"] }),
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
      openingMessage({ "connect-timeout-ms": ["100"] }),
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

test("a stream that is over before it is read tells its reader so, and the process nothing", async () => {
  const unhandled = unhandledRejections();
  const { client, bridge } = await startTunnel({
    async *history() {
      yield await never;
    },
  });
  const late = client().history({}, { timeoutMs: 100 });
  await until(() => bridge.openCalls === 1);
  await until(() => bridge.openCalls === 0);
  await reported();
  expect(unhandled).toEqual([]);
  expect((await errorOf(late)).code).toBe(Code.DeadlineExceeded);
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
    openingMessage({ "connect-timeout-ms": ["100"] }),
    binary(envelope("{}")),
    text("null"),
  );
  await raw.closed(10_000);
  expect([raw.closeCode, raw.closeReason]).toEqual([4004, "the operation timed out"]);
  await until(() => bridge.openCalls === 0);
});
