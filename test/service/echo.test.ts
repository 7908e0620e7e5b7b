import { once } from "node:events";
import { constants } from "node:http2";
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EchoerRequestSchema } from "../../src/gen/chatter_pb.js";
import { startChatter } from "../support/chatter-server.js";
import { numbered } from "../support/fill.js";
import { answerOf, connectHttp2, envelope, post } from "../support/raw-http2.js";
import { collect, Outbox, rounds, sleep, until } from "../support/streams.js";
import { clientOf, mainWires } from "../support/wires.js";

describe.each(mainWires.filter(({ http }) => http === "2"))("echo over $name", (wire) => {
  test("answers everything, in order, also after the client has sent its last", async () => {
    const server = await startChatter();
    async function* posts() {
      for (const message of numbered(3000)) {
        yield { message };
      }
    }
    const answers = await collect(clientOf(server, wire).echoer(posts()));
    expect(answers.map(({ message }) => message)).toEqual(numbered(3000));
    expect(answers.map(({ sequence }) => Number(sequence))).toEqual(
      numbered(3000).map((_, i) => i + 1),
    );
  });

  test("answers each message before the next is sent", async () => {
    const server = await startChatter();
    const outbox = new Outbox<{ message: string }>();
    const answers = clientOf(server, wire).echoer(outbox)[Symbol.asyncIterator]();
    for (const message of numbered(50)) {
      outbox.send({ message });
      expect((await answers.next()).value?.message).toBe(message);
    }
    outbox.end();
    expect((await answers.next()).done).toBe(true);
  });
});

test("how a client cuts its bytes into chunks makes no difference", async () => {
  const server = await startChatter();
  const session = await connectHttp2(server.url);
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(text, { minLength: 1, maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 }),
      async (texts, cuts) => {
        const before = server.log.head;
        const stream = post(session, "/chatter.v1.ChatterService/Listener", {
          "content-type": "application/grpc",
          ...server.headers,
        });
        const answer = answerOf(stream);
        let rest = Buffer.concat(
          texts.map((each) => {
            const bytes = Buffer.from(each);
            const length =
              bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
            return envelope(Buffer.concat([Buffer.from([10, ...length]), bytes]));
          }),
        );
        for (let i = 0; rest.length > 0; i++) {
          const cut = cuts[i % cuts.length]!;
          stream.write(rest.subarray(0, cut));
          rest = rest.subarray(cut);
          await new Promise((resolve) => setImmediate(resolve));
        }
        stream.end();
        expect((await answer).trailers["grpc-status"]).toBe("0");
        expect(server.log.head).toBe(before + texts.length);
        const stored = await collect(clientOf(server).history({ last: BigInt(texts.length) }));
        expect(stored.map(({ message }) => message)).toEqual(texts);
      },
    ),
    { numRuns: rounds(10) },
  );
});

test.each(["application/grpc", "application/connect+json"])(
  "a client that stops reading and leaves has not had its call to the end, by %s",
  async (type) => {
    const codes: unknown[] = [];
    const write = ({ code }: { code?: unknown }) => void codes.push(code);
    const server = await startChatter({ logger: { info: write, error: write } });
    const path = "/chatter.v1.ChatterService/Echoer";
    const headers = { "content-type": type, ...server.headers };
    const stream = post(await connectHttp2(server.url), path, headers);
    await once(stream, "response");
    const message = create(EchoerRequestSchema, { message: "x".repeat(60_000) });
    const bytes = type.endsWith("json")
      ? toJsonString(EchoerRequestSchema, message)
      : toBinary(EchoerRequestSchema, message);
    for (let i = 0; i < 20; i++) {
      stream.write(envelope(bytes)); // More than the answers' window takes.
    }
    await until(() => server.log.head > 0, "some are stored");
    await sleep(100);
    stream.close(constants.NGHTTP2_CANCEL);
    await until(() => codes.length > 0, "the call is over");
    expect(codes).toEqual(["canceled"]);
  },
);
