import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { readBody } from "../../src/server/http/request-body.js";
import { becomeKnown } from "../../src/server/limits/authenticated-connections.js";
import { readAhead } from "../../src/server/service/posting/read-ahead.js";

test("bodies that get something in the same turn are passed on some a turn, all of it", async () => {
  const streams = Array.from({ length: 300 }, () => new PassThrough());
  const received: string[] = [];
  const readers = streams.map(async (stream, index) => {
    for await (const chunk of readBody(stream)) {
      received.push(`${index}: ${Buffer.from(chunk).toString()}`);
    }
  });
  await new Promise(setImmediate);
  for (const stream of streams) {
    stream.write("a");
    stream.write("b");
  }
  const perTurn: number[] = [];
  for (let before = 0; before < 300; before = received.length) {
    await new Promise(setImmediate);
    perTurn.push(received.length - before);
  }
  expect(Math.max(...perTurn)).toBeLessThan(100);
  expect(received).toEqual(streams.map((_, index) => `${index}: ab`));
  for (const stream of streams) {
    stream.end();
  }
  await Promise.all(readers);
});

test("bodies that have ended keep no other waiting", async () => {
  const long = new PassThrough();
  const chunks = readBody(long)[Symbol.asyncIterator]();
  const first = chunks.next();
  for (let turn = 0; turn < 10; turn++) {
    for (let i = 0; i < 200; i++) {
      const short = new PassThrough();
      const reader = readBody(short)[Symbol.asyncIterator]();
      reader.next().catch(() => {});
      short.end("a");
    }
    await new Promise(setImmediate);
  }
  long.write("b");
  let turns = 0;
  let received = false;
  first.then(() => {
    received = true;
  });
  for (; !received; turns++) {
    await new Promise(setImmediate);
  }
  expect(turns).toBeLessThan(8);
  await chunks.return?.();
});

test("what has arrived is given before the reason of a signal, however much waits for its turn", async () => {
  const controller = new AbortController();
  const streams = Array.from({ length: 300 }, () => new PassThrough());
  const given: string[] = [];
  let ended = 0;
  const consumers = streams.map(async (stream) => {
    const chunks = (async function* () {
      for await (const chunk of readBody(stream)) {
        yield [Buffer.from(chunk).toString()];
      }
    })();
    const limits = { maxItems: 10, maxBytes: 100 };
    try {
      for await (const texts of readAhead(chunks, () => 1, limits, controller.signal)) {
        given.push(...texts);
      }
    } catch (error) {
      ended += error === controller.signal.reason ? 1 : 0;
    }
  });
  await new Promise(setImmediate);
  for (const stream of streams) {
    stream.write("a");
  }
  controller.abort(new Error("over"));
  await Promise.all(consumers);
  expect([given.length, ended]).toEqual([300, 300]);
});

/**
 * Writes a body, of a request on a connection of its own, and records how much each turn delivers.
 */
async function bytesPerTurn({ isKnown, ends }: { isKnown: boolean; ends: boolean }) {
  const socket = {};
  if (isKnown) {
    becomeKnown(socket);
  }
  const stream = Object.assign(new PassThrough(), { socket });
  const pieces: string[] = [];
  const whole = (async () => {
    for await (const chunk of readBody(stream)) {
      pieces.push(Buffer.from(chunk).toString());
    }
  })();
  await new Promise(setImmediate);
  const body = Array.from({ length: 20_000 }, (_, i) => String(i % 10)).join("");
  stream.write(body.slice(0, 300));
  stream.write(body.slice(300, 12_000));
  stream.write(body.slice(12_000));
  if (ends) {
    stream.end();
  }
  const perTurn: number[] = [];
  let given = 0;
  while (given < body.length) {
    await new Promise(setImmediate);
    const now = pieces.join("").length;
    perTurn.push(now - given);
    given = now;
  }
  stream.end();
  await whole;
  expect(pieces.join("")).toBe(body);
  return perTurn;
}

test.each([
  ["also if its end has come", true],
  ["while it continues", false],
])("without a valid token a turn has a part of a long body, %s", async (_name, ends) => {
  const perTurn = await bytesPerTurn({ isKnown: false, ends });
  // The last piece needs no turn if the end has arrived.
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(2 * 1024);
});

test("with a valid token a long body is given as it comes", async () => {
  const perTurn = await bytesPerTurn({ isKnown: true, ends: false });
  expect(Math.max(...perTurn)).toBe(20_000);
});

test("a connection that turns out to be known waits for no turn any more", async () => {
  const socket = {};
  const stream = Object.assign(new PassThrough(), { socket });
  const reader = readBody(stream)[Symbol.asyncIterator]();
  const first = reader.next();
  stream.write("x".repeat(20_000));
  expect((await first).value?.length).toBeLessThanOrEqual(1024);
  becomeKnown(socket);
  expect((await reader.next()).value?.length).toBeGreaterThan(10_000);
  await reader.return?.();
});
