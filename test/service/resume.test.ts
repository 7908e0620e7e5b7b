import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cursorHeader } from "../../src/protocol/headers.js";
import { formatCursor } from "../../src/server/encoding/cursor.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { errorOf, rounds } from "../support/streams.js";
import { clientOf, connectWire, type Wire, wires } from "../support/wires.js";

interface Read {
  readonly sequences: number[];
  /** What to continue after: the last event's cursor, or the one in the headers. */
  readonly cursor: string;
}

/** Subscribes, reads `count` events (or none, once the headers are there) and leaves. */
async function read(server: TestServer, wire: Wire, after: string, count: number): Promise<Read> {
  const leave = new AbortController();
  const sequences: number[] = [];
  let cursor = "";
  let accepted = () => {};
  const head = new Promise<void>((resolve) => {
    accepted = resolve;
  });
  const events = clientOf(server, wire).subscribe(
    { after },
    {
      signal: leave.signal,
      onHeader: (header) => {
        cursor = header.get(cursorHeader)!;
        accepted();
      },
    },
  );
  const reading = (async () => {
    for await (const event of events) {
      if (sequences.length < count) {
        sequences.push(Number(event.sequence));
        cursor = event.cursor;
      }
      if (sequences.length === count) {
        return;
      }
    }
  })();
  reading.catch(() => {});
  await (count === 0 ? head : reading);
  leave.abort();
  await reading.catch(() => {});
  return { sequences, cursor };
}

describe.each(wires)("over $name", (wire) => {
  test("the headers are sent at once, with the cursor that the subscription starts after", async () => {
    const server = await startChatter();
    expect(await read(server, wire, "", 0)).toEqual({
      sequences: [],
      cursor: formatCursor(server.log.identity, 0),
    });
    await fill(server.log, numbered(3));
    expect((await read(server, wire, "", 0)).cursor).toBe(formatCursor(server.log.identity, 3));
    const second = formatCursor(server.log.identity, 2);
    expect((await read(server, wire, second, 0)).cursor).toBe(second);
  });

  test("a subscriber that is cut anywhere misses nothing and sees nothing twice", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(5),
        fc.array(fc.record({ posted: fc.integer({ min: 0, max: 4 }), taken: fc.nat(4) }), {
          minLength: 1,
          maxLength: 5,
        }),
        async (before, steps) => {
          const server = await startChatter();
          await fill(server.log, numbered(before));
          let { cursor } = await read(server, wire, "", 0);
          const seen: number[] = [];
          for (const { posted, taken } of steps) {
            await fill(server.log, numbered(posted));
            const left = server.log.head - before - seen.length;
            const part = await read(server, wire, cursor, Math.min(taken, left));
            seen.push(...part.sequences);
            cursor = part.cursor;
          }
          const rest = await read(server, wire, cursor, server.log.head - before - seen.length);
          seen.push(...rest.sequences);
          expect(seen).toEqual(numbered(server.log.head - before).map((_, i) => before + i + 1));
        },
      ),
      { numRuns: rounds(4) },
    );
  });
});

test("what is stored and what is posted meanwhile join without a hole", async () => {
  const server = await startChatter();
  await fill(server.log, numbered(500));
  const total = 500 + rounds(4) * 500;
  const leave = new AbortController();
  const options = { signal: leave.signal };
  const late: Promise<number[]>[] = [];
  const subscriber = async (after: string) => {
    const seen: number[] = [];
    for await (const { sequence } of clientOf(server).subscribe({ after }, options)) {
      seen.push(Number(sequence));
      if (Number(sequence) === total) {
        break;
      }
    }
    return seen;
  };
  const writers = Array.from({ length: 20 }, async (_, writer) => {
    for (let posted = 0; posted < (total - 500) / 20; posted += 5) {
      await fill(server.log, numbered(5, `w${writer}-`));
      if (late.length < 10) {
        late.push(subscriber(formatCursor(server.log.identity, late.length * 50)));
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  await Promise.all(writers);
  expect(server.log.head).toBe(total);
  for (const [i, seen] of (await Promise.all(late)).entries()) {
    expect(seen).toEqual(Array.from({ length: total - i * 50 }, (_, n) => i * 50 + n + 1));
  }
  leave.abort();
});

test("bookmarks come in silence only, and one can be resumed from", async () => {
  const server = await startChatter();
  await fill(server.log, ["old"]);
  const events = clientOf(server).subscribe({ bookmarkSeconds: 1 })[Symbol.asyncIterator]();
  const bookmark = (await events.next()).value!;
  expect(bookmark).toMatchObject({ message: "", sequence: 0n, action: "", sender: "" });
  expect(bookmark.addedAt).toBeUndefined();
  expect(bookmark.cursor).toBe(formatCursor(server.log.identity, 1));
  await fill(server.log, ["new"]);
  expect((await events.next()).value).toMatchObject({ message: "new", sequence: 2n });
  expect((await events.next()).value?.cursor).toBe(formatCursor(server.log.identity, 2));
  const { sequences } = await read(server, connectWire, bookmark.cursor, 1);
  expect(sequences).toEqual([2]);
});

test("a cursor that cannot be gone on from is refused, in words", async () => {
  const log = createMemoryLog({ retention: { maxMessages: 2 } });
  const server = await startChatter({ log });
  for (const text of numbered(10)) {
    await fill(log, [text]);
  }
  const client = clientOf(server);
  const at = (sequence: number) => formatCursor(log.identity, sequence);
  const first = log.first;
  expect(first).toBeGreaterThan(2);
  for (const [after, code, text] of [
    ["x", "InvalidArgument", '"after" is not a cursor'],
    [`${at(10)}x`, "InvalidArgument", '"after" is not a cursor'],
    [at(10).replace(/.$/, "+"), "InvalidArgument", '"after" is not a cursor'],
    [formatCursor("otherlog", 1), "OutOfRange", "of another log"],
    [at(11), "OutOfRange", "beyond the head"],
    [at(first - 2), "OutOfRange", `removed by retention: the oldest message kept is ${first}`],
  ] as const) {
    for (const call of [client.subscribe({ after }), client.history({ after })]) {
      const error = await errorOf(call);
      expect([after, Code[error.code]]).toEqual([after, code]);
      expect(error.rawMessage).toContain(text);
    }
  }
  expect((await read(server, connectWire, at(first - 1), 1)).sequences).toEqual([first]);
});
