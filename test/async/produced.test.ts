import { expect, test } from "vitest";
import { type Put, produced } from "../../src/async/produced.js";

const left = () => new Error("nobody is there");

test("values come in order, then the end", async () => {
  const values = produced<number>(async (put) => {
    for (let i = 0; i < 5; i++) {
      await put(i);
    }
  }, left);
  const taken: number[] = [];
  for await (const value of values) {
    taken.push(value);
  }
  expect(taken).toEqual([0, 1, 2, 3, 4]);
});

test("it begins when the first value is requested, and waits while nobody takes one", async () => {
  let put = 0;
  const values = produced<number>(async (give: Put<number>) => {
    for (; put < 5; put++) {
      await give(put);
    }
  }, left)[Symbol.asyncIterator]();
  await new Promise(setImmediate);
  expect(put).toBe(0);
  expect(await values.next()).toEqual({ done: false, value: 0 });
  await new Promise(setImmediate);
  expect(put).toBe(1);
  expect(await values.next()).toEqual({ done: false, value: 1 });
  await values.return?.();
});

test("an error comes behind the values before it, once", async () => {
  const values = produced<number>(async (put) => {
    await put(1);
    throw new Error("no more");
  }, left)[Symbol.asyncIterator]();
  expect(await values.next()).toEqual({ done: false, value: 1 });
  await expect(values.next()).rejects.toThrow("no more");
  expect(await values.next()).toEqual({ done: true, value: undefined });
});

test("when the consumer has left, the producer ends with an error", async () => {
  let reason: unknown;
  const values = produced<number>(async (put) => {
    try {
      await put(1);
      await put(2);
    } catch (error) {
      reason = error;
    }
  }, left)[Symbol.asyncIterator]();
  await values.next();
  await new Promise(setImmediate);
  await values.return?.();
  await expect.poll(() => reason).toEqual(left());
  expect(await values.next()).toEqual({ done: true, value: undefined });
});
