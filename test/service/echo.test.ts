import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { numbered } from "../support/fill.js";
import { answerOf, connectHttp2, envelope, post } from "../support/raw-http2.js";
import { collect, Outbox, rounds } from "../support/streams.js";
import { clientOf, mainWires } from "../support/wires.js";

describe.each(mainWires.filter(({ http }) => http === "2"))("echo over $name", (wire) => {
  it("answers everything, in order, also after the client has sent its last", async () => {
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

  it("answers each message before the next is sent", async () => {
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

it("how a client cuts its bytes into pieces makes no difference", async () => {
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
        // A client of protobuf-es drops a byte order mark at the start of a text.
        expect(stored.map(({ message }) => message)).toEqual(
          texts.map((each) => each.replace(/^\ufeff/, "")),
        );
      },
    ),
    { numRuns: rounds(10) },
  );
});
