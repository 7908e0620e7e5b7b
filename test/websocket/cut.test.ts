import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { close, openingMessage, openRaw, post, text } from "../support/websocket-raw.js";
import { startTunnel, until } from "../support/websocket-service.js";

/** A method that takes its time over each message, and tells what became of its call. */
async function startSlowListener() {
  const stored: string[] = [];
  let end: unknown;
  const started = await startTunnel({
    async listener(requests) {
      try {
        for await (const { message } of requests) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          stored.push(message);
        }
        end = "whole";
      } catch (error) {
        end = error;
        throw error;
      }
      return {};
    },
  });
  return { ...started, stored, end: () => end };
}

test("a, b, null and FIN in one packet: both are handled, and the call is whole", async () => {
  const { port, bridge, stored, end } = await startSlowListener();
  const raw = await openRaw(port, "Listener").opened();
  raw.socket.end(Buffer.concat([openingMessage(), post("a"), post("b"), text("null")]));
  await until(() => end() !== undefined);
  expect(stored).toEqual(["a", "b"]);
  expect(end()).toBe("whole");
  await until(() => bridge.openCalls === 0);
});

test("so it is with the handshake in the same packet, and with a close frame before FIN", async () => {
  const { port, stored, end } = await startSlowListener();
  const raw = openRaw(port, "Listener");
  raw.socket.end(
    Buffer.concat([openingMessage(), post("a"), post("b"), text("null"), close(1000)]),
  );
  await until(() => end() !== undefined);
  expect(stored).toEqual(["a", "b"]);
  expect(end()).toBe("whole");
});

test.each([
  ["FIN", (socket: ReturnType<typeof openRaw>) => socket.socket.end()],
  ["a reset", (socket: ReturnType<typeof openRaw>) => socket.socket.resetAndDestroy()],
  ["a close frame", (socket: ReturnType<typeof openRaw>) => socket.write(close(1000))],
])("%s before null is an error to the handler, after what was received", async (_, cut) => {
  const { port, bridge, stored, end } = await startSlowListener();
  const raw = await openRaw(port, "Listener").opened();
  raw.write(openingMessage(), post("a"), post("b"));
  await until(() => stored.length > 0);
  cut(raw);
  await until(() => end() !== undefined);
  expect(stored).toEqual(["a", "b"]);
  expect(end()).toMatchObject({ code: Code.Canceled });
  await until(() => bridge.openCalls === 0);
});

test("what was received before the cut is handed over, though the handler was behind", async () => {
  const { port, stored, end } = await startSlowListener();
  const raw = await openRaw(port, "Listener").opened();
  raw.socket.end(Buffer.concat([openingMessage(), post("a"), post("b"), post("c")]));
  await until(() => end() !== undefined);
  expect(stored).toEqual(["a", "b", "c"]);
  expect(end()).toMatchObject({ code: Code.Canceled });
});

test("a cut in the middle of a message is an error too", async () => {
  const { port, end } = await startSlowListener();
  const raw = await openRaw(port, "Listener").opened();
  raw.socket.end(Buffer.concat([openingMessage(), post("abc").subarray(0, 12)]));
  await until(() => end() !== undefined);
  expect(end()).toMatchObject({ code: Code.Canceled });
});

test("a handler without an end, that does not read, does not stop all else when its peer is gone", async () => {
  const { port, bridge } = await startTunnel({
    async *echoer() {
      for (;;) {
        yield { message: "x".repeat(1000) };
      }
    },
  });
  const raw = await openRaw(port, "Echoer").opened();
  raw.socket.end(Buffer.concat([openingMessage(), post("a"), post("b")]));
  // What it did not read it may still read, for 5 s.
  await until(() => bridge.openCalls === 1 && raw.ended);
  await until(() => bridge.openCalls === 0, 8_000);
});
