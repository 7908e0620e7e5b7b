import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { messageLimit, openingLimit, openingTimeoutMs } from "../../src/protocol/tunnel.js";
import {
  binary,
  envelope,
  frame,
  messagesOf,
  opcode,
  openingMessage,
  openRaw,
  post,
  text,
} from "../support/websocket-raw.js";
import { echo, startTunnel, until } from "../support/websocket-service.js";

const badUtf8 = Buffer.from([0x7b, 0xc3, 0x28]);
const tooBig = Buffer.alloc(messageLimit + 1);

describe("what the wire does not allow closes the socket, with its code, within 2 s", () => {
  test.each<[string, number, Buffer[]]>([
    ["null before the opening message", 1002, [text("null")]],
    ["a second opening message", 1002, [openingMessage(), openingMessage()]],
    ["a second null", 1002, [openingMessage(), text("null"), text("null")]],
    ["body after null", 1002, [openingMessage(), text("null"), post("a")]],
    ["an empty chunk after null", 1002, [openingMessage(), text("null"), binary("")]],
    ["an opening message that is not JSON", 1002, [text('{"headers":')]],
    ["an opening message that is a string", 1002, [text('"a"')]],
    ["an opening message without headers", 1002, [text("{}")]],
    ["an opening message whose headers are no object", 1002, [text('{"headers":[]}')]],
    ["a header that is not a list", 1002, [text('{"headers":{"a":"b"}}')]],
    ["a header value that is not a text", 1002, [text('{"headers":{"a":[1]}}')]],
    ["an invalid header name", 1002, [text('{"headers":{":path":["/"]}}')]],
    ["a header value with a line break", 1002, [text('{"headers":{"a":["b\\r\\nc: d"]}}')]],
    ["negative credit", 1002, [openingMessage(), text('{"credit":-1}')]],
    ["credit that is not a number", 1002, [openingMessage(), text('{"credit":"1"}')]],
    ["credit that is not a whole number", 1002, [openingMessage(), text('{"credit":1.5}')]],
    ["an unknown control message", 1002, [openingMessage(), text('{"end":true}')]],
    ["binary where the opening message is due", 1003, [post("a")]],
    ["text where body is due", 1003, [openingMessage(), text('"a"')]],
    ["text that is not JSON where body is due", 1003, [openingMessage(), text("a")]],
    ["bad UTF-8 in the opening message", 1007, [frame(opcode.text, badUtf8)]],
    ["bad UTF-8 later", 1007, [openingMessage(), frame(opcode.text, badUtf8)]],
    ["an opening message over 16 KiB", 1009, [openingMessage({ a: ["x".repeat(openingLimit)] })]],
    ["a message that is too big", 1009, [openingMessage(), binary(tooBig)]],
    ["reserved bits", 1002, [openingMessage(), frame(opcode.binary, "a", 0xc0)]],
    ["a reserved opcode", 1002, [openingMessage(), frame(3, "a")]],
    ["a continuation of nothing", 1002, [openingMessage(), frame(opcode.more, "a")]],
    ["a frame without a mask", 1002, [openingMessage(), Buffer.from([0x82, 1, 0])]],
    ["a ping of 126 bytes", 1002, [openingMessage(), frame(opcode.ping, "x".repeat(126))]],
    ["an invalid close code", 1002, [openingMessage(), frame(opcode.close, "\0\x01")]],
  ])("%s: %i", async (_, code, frames) => {
    const { port, bridge, client } = await startTunnel({ echoer: echo, login: () => ({}) });
    const raw = openRaw(port, "Echoer").write(...frames);
    await raw.closed(2_000);
    expect(raw.closeCode).toBe(code);
    await until(() => bridge.openCalls === 0 && raw.ended, 2_000);
    // All else continues.
    await client().login({});
  });

  test("also if the peer does not answer the close: it is cut", async () => {
    const { port, bridge } = await startTunnel({ echoer: echo });
    const raw = openRaw(port, "Echoer");
    raw.closes = false;
    raw.write(text("null"));
    await until(() => raw.closeCode === 1002 && bridge.openCalls === 0, 1_000);
    await until(() => raw.ended, 4_000);
  });

  test("no opening message within 5 s: 1008", async () => {
    const { port } = await startTunnel({ echoer: echo });
    const silent = openRaw(port, "Echoer");
    const start = Date.now();
    const onlyCredit = openRaw(port, "Echoer").write(text('{"credit":1}'));
    const inTime = openRaw(port, "Echoer").write(openingMessage(), post("a"));
    for (const raw of [silent, onlyCredit]) {
      await raw.closed(openingTimeoutMs + 2_000);
      expect(raw.closeCode).toBe(1008);
    }
    expect(Date.now() - start).toBeGreaterThan(openingTimeoutMs - 100);
    await new Promise((resolve) => setTimeout(resolve, 300));
    inTime.write(text("null"));
    await inTime.closed();
    expect(inTime.closeCode).toBe(1000);
  });
});

test("what came before a fault is handled, and the fault is an error to the handler", async () => {
  const received: string[] = [];
  let failure: unknown;
  const { port } = await startTunnel({
    async listener(requests) {
      try {
        for await (const { message } of requests) {
          received.push(message);
        }
      } catch (error) {
        failure = error;
      }
      return {};
    },
  });
  openRaw(port, "Listener").write(openingMessage(), post("a"), post("b"), binary(tooBig));
  await until(() => failure !== undefined);
  expect(received).toEqual(["a", "b"]);
  expect(failure).toMatchObject({ code: Code.ResourceExhausted });
});

test("a method that heeds its signal loses nothing that came in one packet with a fault", async () => {
  const received: string[] = [];
  const { port, bridge } = await startTunnel({
    async listener(requests, { signal }) {
      for await (const { message } of requests) {
        signal.throwIfAborted();
        received.push(message);
      }
      return {};
    },
  });
  const raw = openRaw(port, "Listener").write(openingMessage());
  await until(() => bridge.openCalls === 1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  raw.write(post("a"), frame(3, "b"));
  await raw.closed();
  await until(() => bridge.openCalls === 0);
  expect(received).toEqual(["a"]);
});

test("a message in the body that is over the service's limit ends the stream, not the socket", async () => {
  const { port } = await startTunnel({ echoer: echo }, { readMaxBytes: 1000 });
  const raw = openRaw(port, "Echoer").write(
    openingMessage(),
    binary(envelope(`{"message":"${"x".repeat(2000)}"}`)),
  );
  await raw.closed();
  expect(messagesOf(raw.body)).toMatchObject([{ error: { code: "resource_exhausted" } }]);
  expect(raw.closeCode).toBe(1000);
});

test.each([2, 3, 4, 8, 0x80])(
  "flags %i of an envelope, which a request has not, end the stream, after what came before",
  async (flags) => {
    const { port } = await startTunnel({ echoer: echo });
    const bytes = Buffer.concat([
      envelope('{"message":"a"}'),
      envelope('{"message":"b"}', flags),
      envelope('{"message":"c"}'),
    ]);
    for (const cut of [bytes.length, 20, 7]) {
      const raw = openRaw(port, "Echoer").write(openingMessage());
      for (let offset = 0; offset < bytes.length; offset += cut) {
        raw.write(binary(bytes.subarray(offset, offset + cut)));
      }
      await raw.closed();
      expect(messagesOf(raw.body)).toMatchObject([
        { message: "a" },
        { error: { code: "invalid_argument" } },
      ]);
      expect(raw.closeCode).toBe(1000);
    }
  },
);

test("a handler that fails, and not its method, is 1011, and is reported", async () => {
  const { port, faults } = await startTunnel(
    { echoer: echo },
    {
      contextValues() {
        throw new Error("no values: SECRET");
      },
    },
  );
  const raw = openRaw(port, "Echoer").write(openingMessage());
  await raw.closed();
  expect([raw.closeCode, raw.closeReason]).toEqual([1011, "internal error"]);
  expect(faults.splice(0)).toMatchObject([{ message: "no values: SECRET" }]);
});
