import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ChatterService, View } from "../../src/gen/chatter_pb.js";
import { Health, HealthCheckRequestSchema } from "../../src/gen/health/v1/health_pb.js";
import { startChatter } from "../support/chatter-server.js";
import { collect, Outbox } from "../support/streams.js";
import { clientOf, gzipWires, transportOf, wires } from "../support/wires.js";

async function* messages(...texts: string[]) {
  for (const message of texts) {
    yield { message };
  }
}

describe.each([...wires, ...gzipWires])("Connect-ES over $name", (wire) => {
  test("logs in", async () => {
    const server = await startChatter();
    const client = createClient(ChatterService, transportOf(wire, server.url));
    const { token, expiresAt } = await client.login({ user: "goa", password: "rocks" });
    expect(timestampMs(expiresAt!)).toBeGreaterThan(Date.now());
    const basic = await client.login(
      {},
      { headers: { authorization: `Basic ${btoa("goa:rocks")}` } },
    );
    for (const each of [token, basic.token]) {
      expect((await server.tokens.verify(each)).subject).toBe("goa");
    }
  });

  test("stores by Listener and Summary, and reads by History", async () => {
    const client = clientOf(await startChatter(), wire);
    const listened = await client.listener(messages("one", "zwei é", "三"));
    expect(listened).toMatchObject({ stored: 3n, lastSequence: 3n });
    const { summaries } = await client.summary(messages("four", "five é"));
    expect(summaries).toMatchObject([
      { message: "four", length: 4, sequence: 4n },
      { message: "five é", length: 7, sequence: 5n },
    ]);
    const history = await collect(client.history({}));
    expect(history.map(({ message }) => message)).toEqual([
      "one",
      "zwei é",
      "三",
      "four",
      "five é",
    ]);
    expect(history[1]).toMatchObject({ length: 7, sequence: 2n, sender: "goa" });
    expect(history[4]!.sentAt).toEqual(summaries[1]!.sentAt);
    expect(Math.abs(timestampMs(history[4]!.sentAt!) - Date.now())).toBeLessThan(60_000);
    const tiny = await collect(client.history({ view: View.TINY, after: history[2]!.cursor }));
    expect(tiny.map(({ message, sequence }) => [message, sequence])).toEqual([
      ["four", 0n],
      ["five é", 0n],
    ]);
  });

  test("subscribes, from now and from a cursor", async () => {
    const client = clientOf(await startChatter(), wire);
    await client.listener(messages("before"));
    const stop = new AbortController();
    let cursor = "";
    const events = client.subscribe(
      {},
      {
        signal: stop.signal,
        onHeader: (header) => {
          cursor = header.get("chatter-cursor") ?? "";
          client.listener(messages("first", "second é"));
        },
      },
    );
    const seen = [];
    for await (const event of events) {
      seen.push(event);
      if (seen.length === 2) {
        break;
      }
    }
    stop.abort();
    expect(seen).toMatchObject([
      { message: "first", action: "added", sequence: 2n, sender: "goa" },
      { message: "second é", action: "added", sequence: 3n, sender: "goa" },
    ]);
    expect(seen[0]!.addedAt).toBeDefined();
    for await (const again of client.subscribe({ after: cursor })) {
      expect(again).toEqual(seen[0]);
      break;
    }
  });

  if (wire.http === "2") {
    test("echoes each message while the stream is open", async () => {
      const client = clientOf(await startChatter(), wire);
      const outbox = new Outbox<{ message: string; messageId: string }>();
      const answers = client.echoer(outbox)[Symbol.asyncIterator]();
      for (const i of [1, 2, 3]) {
        outbox.send({ message: `é ${i}`, messageId: `id-${i}` });
        const { value } = await answers.next();
        expect(value).toMatchObject({
          message: `é ${i}`,
          messageId: `id-${i}`,
          sequence: BigInt(i),
        });
        expect(value.cursor).toHaveLength(16);
      }
      outbox.end();
      expect(await answers.next()).toEqual({ done: true, value: undefined });
    });
  }

  test("asks for the server's health", async () => {
    const server = await startChatter();
    const health = createClient(Health, transportOf(wire, server.url));
    expect(await health.check(create(HealthCheckRequestSchema))).toMatchObject({ status: 1 });
  });
});
