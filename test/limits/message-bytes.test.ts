import { create, toBinary } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ChatterService, LoginRequestSchema } from "../../src/gen/chatter_pb.js";
import { startChatter } from "../support/chatter-server.js";
import { progressOf } from "../support/outcome.js";
import { errorOf } from "../support/streams.js";
import { frame, opcode, RawSocket } from "../support/websocket-raw.js";
import { clientOf, gzipWires, mainWires, transportOf, wires } from "../support/wires.js";

async function* requests(...messages: string[]) {
  for (const message of messages) {
    yield { message };
  }
}

describe.each([...mainWires, ...gzipWires])("over $name", (wire) => {
  test("a text of as many bytes as the limit is stored, one more is too long", async () => {
    const server = await startChatter({ limits: { maxTextBytes: 100 } });
    const client = clientOf(server, wire);
    // 50 characters of two bytes each.
    expect(await client.listener(requests("ö".repeat(50)))).toMatchObject({ stored: 1n });
    const error = await errorOf(client.listener(requests("fits", `${"ö".repeat(50)}x`)));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.rawMessage).toMatch(/has 101 bytes: it must have 1 to 100 bytes/);
    expect(progressOf(error)?.stored).toBe(1n);
  });

  test("a message of as many bytes on the wire as the limit is taken, one more is not", async () => {
    const server = await startChatter({ limits: { maxMessageBytes: 2000 } });
    const client = clientOf(server, wire);
    const overhead = wire.codec === "json" ? '{"message":""}'.length : 3;
    const longest = "x".repeat(2000 - overhead);
    expect(await client.listener(requests(longest))).toMatchObject({ stored: 1n });
    const error = await errorOf(client.listener(requests("fits", `${longest}x`)));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.rawMessage).toMatch(/at most 2,000 bytes on the wire/);
    expect(progressOf(error)?.stored).toBe(1n);
  });
});

describe.each(wires)("over $name", (wire) => {
  test("what anyone may send, without a token, has at most 16 KiB", async () => {
    const { url } = await startChatter();
    const login = async (bytes: number) => {
      const request = { user: "goa", password: "" };
      const used =
        wire.codec === "json"
          ? JSON.stringify(request).length
          : toBinary(LoginRequestSchema, create(LoginRequestSchema, request)).length + 3;
      request.password = "x".repeat(bytes - used);
      return errorOf(createClient(ChatterService, transportOf(wire, url)).login(request));
    };
    expect((await login(16_384)).code).toBe(Code.Unauthenticated);
    const error = await login(16_385);
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.rawMessage).toMatch(/at most 16,384 bytes on the wire/);
  });
});

test("on a WebSocket of goa's dialect one more byte closes with 1009", async () => {
  const server = await startChatter({ limits: { maxMessageBytes: 2000 } });
  const open = () =>
    new RawSocket(Number(new URL(server.url).port), {
      path: "/listener",
      headers: { Authorization: server.headers.authorization },
    }).opened();
  const text = (bytes: number) => frame(opcode.text, Buffer.from(`"${"x".repeat(bytes - 2)}"`));
  // As protobuf, which a post becomes, it takes one byte more.
  const fits = await open();
  fits.write(text(1999), frame(opcode.text, Buffer.from("null")));
  expect((await fits.closed()).closeCode).toBe(1000);
  expect(server.log.head).toBe(1);
  const tooLong = await open();
  tooLong.write(text(2001));
  expect((await tooLong.closed()).closeCode).toBe(1009);
});
