import { gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { progressOf } from "../support/outcome.js";
import { answerOf, connectHttp2, envelope, post } from "../support/raw-http2.js";
import { collect, errorOf } from "../support/streams.js";
import { clientOf, connectWire, wires } from "../support/wires.js";

type Post = { message: string; messageId?: string };

async function* sending(...posts: Post[]) {
  yield* posts;
}

const codecs = wires.filter(({ protocol, http }) => protocol === "connect" && http === "2");

describe.each(codecs)("over $name", (wire) => {
  test.each([
    ["65,536 bytes of ASCII", "x".repeat(65_536)],
    ["65,536 bytes in characters of two", "é".repeat(32_768)],
    ["65,536 bytes in characters of four", "🙂".repeat(16_384)],
    ["65,535 control characters, six times as long in JSON", "\u0001".repeat(65_535)],
    ["one byte", "x"],
    ["line ends and quotes", '"\r\n\\\u0000\u2028'],
  ])("a text of %s is stored and read as it is", async (_, message) => {
    const client = clientOf(await startChatter(), wire);
    const messageId = "é".repeat(64);
    const echoed = await collect(client.echoer(sending({ message, messageId })));
    expect(echoed).toMatchObject([{ message, messageId, sequence: 1n }]);
    expect(await collect(client.history({}))).toMatchObject([
      { message, length: Buffer.byteLength(message) },
    ]);
  });

  test.each([
    ["", undefined, "message is empty: it must have 1 to 65,536 bytes of UTF-8"],
    [
      "x".repeat(65_537),
      undefined,
      "message has 65537 bytes: it must have 1 to 65,536 bytes of UTF-8",
    ],
    [
      `${"é".repeat(32_768)}x`,
      undefined,
      "message has 65537 bytes: it must have 1 to 65,536 bytes of UTF-8",
    ],
    ["x", "y".repeat(129), "message_id has 129 bytes: it must have at most 128 bytes of UTF-8"],
    ["x", "é".repeat(65), "message_id has 130 bytes: it must have at most 128 bytes of UTF-8"],
  ])(
    "what is wrong is named, and what came before is stored (%#)",
    async (message, messageId, text) => {
      const server = await startChatter();
      const client = clientOf(server, wire);
      const posts: Post[] = [
        { message: "a" },
        { message: "b" },
        { message, messageId },
        { message: "c" },
      ];
      const calls = [
        client.listener(sending(...posts)),
        client.summary(sending(...posts)),
        client.echoer(sending(...posts)),
      ];
      for (const error of await Promise.all(calls.map(errorOf))) {
        expect([Code[error.code], error.rawMessage]).toEqual(["InvalidArgument", text]);
        expect(progressOf(error)?.stored).toBe(2n);
      }
      expect(server.log.head).toBe(6);
    },
  );

  test("a wire message over 512 KiB is refused, and what came before it is stored", async () => {
    const server = await startChatter();
    const client = clientOf(server, wire);
    for (const size of [524_289, 10_000_000]) {
      const before = server.log.head;
      const error = await errorOf(
        client.listener(sending({ message: "kept" }, { message: "x".repeat(size) })),
      );
      expect(Code[error.code]).toBe("ResourceExhausted");
      expect(error.rawMessage).toMatch(/a message has at most 524,288 bytes on the wire/);
      expect(progressOf(error)).toMatchObject({ stored: 1n, lastSequence: BigInt(before + 1) });
    }
  });
});

test("a small message that unpacks to more than 512 KiB is refused", async () => {
  const server = await startChatter();
  const bomb = gzipSync(Buffer.alloc(100_000_000));
  expect(bomb.length).toBeLessThan(524_288);
  const stream = post(await connectHttp2(server.url), "/chatter.v1.ChatterService/Listener", {
    "content-type": "application/grpc",
    "grpc-encoding": "gzip",
    ...server.headers,
  });
  const before = process.memoryUsage().arrayBuffers;
  stream.end(envelope(bomb, 1));
  const { trailers } = await answerOf(stream);
  expect(trailers["grpc-status"]).toBe(String(Code.ResourceExhausted));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
});

test("a message that comes byte by byte is joined once", async () => {
  const server = await startChatter();
  const stream = post(await connectHttp2(server.url), "/chatter.v1.ChatterService/Listener", {
    "content-type": "application/grpc",
    ...server.headers,
  });
  const answer = answerOf(stream);
  const text = "x".repeat(3000);
  const message = Buffer.concat([Buffer.from([10, 0xb8, 0x17]), Buffer.from(text)]);
  for (const byte of envelope(message)) {
    stream.write(Buffer.of(byte));
  }
  stream.end();
  expect((await answer).trailers["grpc-status"]).toBe("0");
  expect(server.log.head).toBe(1);
  const [stored] = await collect(clientOf(server).history({}));
  expect(stored?.message).toBe(text);
});

test("text that is not UTF-8 is refused, and what came before it is stored", async () => {
  const server = await startChatter();
  const session = await connectHttp2(server.url);
  for (const bad of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
    const before = server.log.head;
    const stream = post(session, "/chatter.v1.ChatterService/Listener", {
      "content-type": "application/grpc",
      ...server.headers,
    });
    stream.write(envelope("\n\u0004kept"));
    stream.end(envelope(Buffer.from([10, bad.length, ...bad])));
    const { trailers } = await answerOf(stream);
    expect(trailers["grpc-status"]).toBe("3");
    expect(trailers["grpc-message"]).toMatch(/^the message cannot be read: /);
    expect(server.log.head).toBe(before + 1);
  }
});

test.each([
  ["application/grpc", Buffer.from([10, 0])],
  ["application/grpc-web+proto", Buffer.alloc(0)],
  ["application/connect+proto", Buffer.from([10, 0])],
  ["application/connect+json", '{"message":""}'],
])("an empty text is refused over %s, even if its field is there", async (type, empty) => {
  const server = await startChatter();
  const stream = post(await connectHttp2(server.url), "/chatter.v1.ChatterService/Listener", {
    "content-type": type,
    ...server.headers,
  });
  stream.end(envelope(empty));
  const { trailers, body } = await answerOf(stream);
  const answer = `${trailers["grpc-message"]} ${body.toString("latin1")}`;
  expect(answer.replaceAll("%20", " ")).toContain("message is empty");
  expect(server.log.head).toBe(0);
});

test("half of a character in JSON is refused", async () => {
  const server = await startChatter();
  const stream = post(await connectHttp2(server.url), "/chatter.v1.ChatterService/Listener", {
    "content-type": "application/connect+json",
    ...server.headers,
  });
  stream.write(envelope('{"message":"kept"}'));
  stream.end(envelope('{"message":"half \\ud83d"}'));
  const { body } = await answerOf(stream);
  expect(body.toString()).toContain('"invalid_argument"');
  expect(server.log.head).toBe(1);
});

test("a summary larger than 4 MiB is refused, and what was sent is stored", async () => {
  const server = await startChatter();
  const client = clientOf(server, connectWire);
  const error = await errorOf(
    client.summary(sending(...Array.from({ length: 65 }, () => ({ message: "x".repeat(65_000) })))),
  );
  expect([Code[error.code], error.rawMessage]).toEqual([
    "ResourceExhausted",
    "the summary is larger than 4 MiB: send fewer messages in one stream, or use Listener",
  ]);
  const stored = progressOf(error)!.stored;
  expect(stored).toBe(BigInt(server.log.head));
  expect(stored).toBeGreaterThan(60n);
  const { summaries } = await client.summary(
    sending(...Array.from({ length: 64 }, () => ({ message: "x".repeat(65_000) }))),
  );
  expect(summaries).toHaveLength(64);
});
