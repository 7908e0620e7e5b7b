import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { readBody } from "../../src/server/http/request-body.js";

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
