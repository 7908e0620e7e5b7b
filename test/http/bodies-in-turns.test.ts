import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { readBody } from "../../src/server/http/request-body.js";
import { gather } from "../../src/server/service/gather.js";

test("bodies that get something in the same turn are handed on some a turn, all of it", async () => {
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
  const takers = streams.map(async (stream) => {
    const pieces = (async function* () {
      for await (const chunk of readBody(stream)) {
        yield [Buffer.from(chunk).toString()];
      }
    })();
    const limits = { maxItems: 10, maxBytes: 100 };
    try {
      for await (const texts of gather(pieces, () => 1, limits, controller.signal)) {
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
  await Promise.all(takers);
  expect([given.length, ended]).toEqual([300, 300]);
});
