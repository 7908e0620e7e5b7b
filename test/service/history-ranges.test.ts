import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { View } from "../../src/gen/chatter_pb.js";
import { formatCursor } from "../../src/server/encoding/cursor.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import { startChatter } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { collect, errorOf, rounds } from "../support/streams.js";
import { clientOf, wires } from "../support/wires.js";

const json = wires.find(({ codec, http }) => codec === "json" && http === "2")!;

test("after, last and limit select what they say", async () => {
  const server = await startChatter();
  const client = clientOf(server);
  // Several commits, so that batches begin and end in the middle of ranges.
  for (let i = 0; i < 10; i++) {
    await fill(server.log, numbered(10));
  }
  const at = (sequence: number) => formatCursor(server.log.identity, sequence);
  const cases = [
    [{}, 1, 100],
    [{ limit: 0n }, 1, 100],
    [{ limit: 1n }, 1, 1],
    [{ limit: 15n }, 1, 15],
    [{ limit: 2n ** 64n - 1n }, 1, 100],
    [{ last: 1n }, 100, 100],
    [{ last: 15n }, 86, 100],
    [{ last: 100n }, 1, 100],
    [{ last: 2n ** 64n - 1n }, 1, 100],
    [{ last: 15n, limit: 3n }, 86, 88],
    [{ after: at(0) }, 1, 100],
    [{ after: at(7) }, 8, 100],
    [{ after: at(7), limit: 25n }, 8, 32],
    [{ after: at(99) }, 100, 100],
    [{ after: at(100) }, 1, 0],
  ] as const;
  for (const [request, first, last] of cases) {
    const wanted = Array.from({ length: last - first + 1 }, (_, i) => BigInt(first + i));
    for (const view of [View.UNSPECIFIED, View.DEFAULT]) {
      const messages = await collect(client.history({ ...request, view }));
      expect(messages.map(({ sequence }) => sequence)).toEqual(wanted);
      expect(messages.at(-1)?.cursor ?? at(last)).toBe(at(last));
    }
    expect(await collect(client.history({ ...request, view: View.TINY }))).toHaveLength(
      wanted.length,
    );
  }
});

test("last counts what retention has kept", async () => {
  const log = createMemoryLog({ retention: { maxMessages: 3 } });
  const server = await startChatter({ log });
  for (const text of numbered(10)) {
    await fill(log, [text]);
  }
  const kept = await collect(clientOf(server).history({ last: 100n }));
  expect(kept[0]?.sequence).toBe(BigInt(log.first));
  expect(kept.at(-1)?.message).toBe("m10");
  expect(await collect(clientOf(server).history({}))).toEqual(kept);
});

test("after together with last, and an invalid view, are refused", async () => {
  const server = await startChatter();
  for (const client of [clientOf(server), clientOf(server, json)]) {
    const after = formatCursor(server.log.identity, 0);
    const both = await errorOf(client.history({ after, last: 1n }));
    expect([Code[both.code], both.rawMessage]).toEqual([
      "InvalidArgument",
      '"after" and "last" exclude each other: give one',
    ]);
    const view = await errorOf(client.history({ view: 99 as View }));
    expect([Code[view.code], view.rawMessage]).toEqual([
      "InvalidArgument",
      "view 99 does not exist: use VIEW_DEFAULT (1) or VIEW_TINY (2)",
    ]);
  }
});

test("a history ends at the head as it was when it was accepted, though writers continue", async () => {
  const server = await startChatter();
  await fill(server.log, numbered(2000));
  let writing = true;
  const writer = (async () => {
    while (writing) {
      await fill(server.log, numbered(50));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  for (let round = 0; round < rounds(10); round++) {
    const before = server.log.head;
    let atHead = 0;
    const options = {
      onHeader() {
        atHead = server.log.head;
      },
    };
    const messages = await collect(clientOf(server).history({ last: 1000n }, options));
    const last = Number(messages.at(-1)!.sequence);
    expect(last).toBeGreaterThanOrEqual(before);
    expect(last).toBeLessThanOrEqual(atHead);
    expect(messages).toHaveLength(1000);
  }
  writing = false;
  await writer;
});
