import { describe, expect, test } from "vitest";
import { messageLimit } from "../../../src/protocol/tunnel.js";
import { startChatter } from "../../support/chatter-server.js";
import { until } from "../../support/streams.js";
import { binary, close, frame, opcode, text } from "../../support/websocket-raw.js";
import { openFrames, openGoa, storedTexts } from "./client.js";

const badUtf8 = Buffer.from([0x22, 0xc3, 0x28, 0x22]);

const posting = ["/listener", "/summary", "/echoer"];

describe.each(posting)("%s is closed, with its code, within 2 s", (path) => {
  test.each<[string, number, Buffer[]]>([
    ["text that is not JSON", 4003, [text("a")]],
    ["nothing", 4003, [text("")]],
    ["half a string", 4003, [text('"a')]],
    ["two values", 4003, [text('"a" "b"')]],
    ["a number", 4003, [text("1")]],
    ["an object", 4003, [text('{"message":"a"}')]],
    ["an array", 4003, [text('["a"]')]],
    ["a boolean", 4003, [text("true")]],
    ["the name of null", 4003, [text("nullnull")]],
    ["half a character", 4003, [text('"\\ud83d"')]],
    ["a text over 64 KiB", 4003, [text(`"${"x".repeat(65_537)}"`)]],
    ["binary that is not JSON", 4003, [binary(Buffer.from([1, 2, 3]))]],
    ["a string after null", 1002, [text("null"), text('"b"')]],
    ["a second null", 1002, [text("null"), text("null")]],
    ["bad UTF-8 as text", 1007, [frame(opcode.text, badUtf8)]],
    ["bad UTF-8 as binary", 1007, [binary(badUtf8)]],
    ["a message that is too big", 1009, [text(`"${"x".repeat(messageLimit)}"`)]],
    ["reserved bits", 1002, [frame(opcode.text, '"b"', 0xc0)]],
    ["a reserved opcode", 1002, [frame(3, '"b"')]],
    ["a continuation of nothing", 1002, [frame(opcode.more, '"b"')]],
    ["a frame without a mask", 1002, [Buffer.from([0x81, 3, 0x22, 0x62, 0x22])]],
    ["a ping of 126 bytes", 1002, [frame(opcode.ping, "x".repeat(126))]],
    ["an invalid close code", 1002, [frame(opcode.close, "\0\x01")]],
  ])("%s: %i, and what came before it is stored", async (_, code, frames) => {
    const server = await startChatter();
    const raw = openFrames(server, path).write(text('"first"'), ...frames);
    await raw.closed(2_000);
    // One that sends on after null may find its call closed already.
    const early = frames.length > 1 && raw.closeCode === 1000;
    expect(early ? 1002 : raw.closeCode).toBe(code);
    await until(() => server.chatter.openCalls === 0, "no call is open");
    expect(await storedTexts(server)).toEqual(["first"]);
  });
});

test.each([
  ["no JSON", text("a"), /not JSON.*JSON strings/],
  ["a wrong type", text("{}"), /object.*JSON strings/],
  ["a text too long", text(`"${"é".repeat(40_000)}"`), /80000 bytes.*0 to 65,536/],
])("the reason of the close says what was wrong and what is right: %s", async (_, sent, reason) => {
  const raw = openFrames(await startChatter(), "/echoer").write(sent);
  await raw.closed();
  expect(raw.closeReason).toMatch(reason);
});

test.each(["/subscribe", "/history"])(
  "%s takes no messages: 4003, and the method is over",
  async (path) => {
    const server = await startChatter();
    // A cut-off reader keeps /history from being over before.
    const raw = openFrames(server, path).write(text('"a"'));
    await raw.closed(2_000);
    if (path === "/subscribe") {
      expect(raw).toMatchObject({ closeCode: 4003, closeReason: expect.stringContaining("query") });
    }
    await until(() => server.chatter.openCalls === 0, "no call is open");
    expect(await storedTexts(server)).toEqual([]);
  },
);

test("a peer that does not answer the close is cut, and all else continues", async () => {
  const server = await startChatter();
  const other = await openGoa(server, "/echoer");
  const raw = openFrames(server, "/echoer");
  raw.closes = false;
  raw.write(text("1"));
  await until(() => raw.closeCode === 4003 && server.chatter.openCalls === 1, "the close");
  await until(() => raw.ended, "the cut");
  other.send("a", null);
  expect((await other.closed()).code).toBe(1000);
  expect(other.messages).toEqual(["a"]);
});

test("what a client sends after the end of its call is skipped", async () => {
  const server = await startChatter();
  const raw = openFrames(server, "/echoer");
  raw.closes = false;
  raw.write(text("1"));
  await raw.closed();
  raw.write(text('"a"'), text("null"), close(1000));
  await until(() => raw.ended, "the end");
  expect(await storedTexts(server)).toEqual([]);
});
