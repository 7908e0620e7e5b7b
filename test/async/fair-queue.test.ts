import { expect, test } from "vitest";
import { FairQueue } from "../../src/async/fair-queue.js";

test("keys take turns, and what waits under one is first in, first out", () => {
  const queue = new FairQueue<string>();
  for (const item of ["a1", "a2", "a3", "b1", "c1", "c2"]) {
    queue.push(item[0]!, item);
  }
  expect(queue).toMatchObject({ size: 6, keys: 3, first: "a1" });
  expect([queue.take(), queue.take()]).toEqual(["a1", "b1"]);
  queue.push("b", "b2");
  expect([...queue.drain()]).toEqual(["c1", "a2", "b2", "c2", "a3"]);
  expect(queue).toMatchObject({ size: 0, keys: 0, first: undefined });
  expect(queue.take()).toBeUndefined();
});

test("a turn continues until it is ended, or its key has nothing more", () => {
  const queue = new FairQueue<string>();
  for (const item of ["a1", "a2", "a3", "b1", "b2"]) {
    queue.push(item[0]!, item);
  }
  expect([queue.shift(), queue.shift()]).toEqual(["a1", "a2"]);
  queue.rotate();
  expect([queue.shift(), queue.shift()]).toEqual(["b1", "b2"]);
  expect([queue.first, queue.keys]).toEqual(["a3", 1]);
  queue.rotate(); // Nobody else is waiting.
  expect([queue.shift(), queue.shift()]).toEqual(["a3", undefined]);
  queue.rotate();
  queue.push("d", "d1");
  expect([...queue.drain()]).toEqual(["d1"]);
});

test("whatever is pushed and taken in whatever order, each item comes once and in its place", () => {
  const queue = new FairQueue<number>();
  const expected = new Map<string, number[]>();
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed % below;
  };
  for (let i = 0; i < 20_000; i++) {
    if (random(2) === 0) {
      const key = String(random(7));
      queue.push(key, i * 7 + Number(key));
      expected.set(key, [...(expected.get(key) ?? []), i * 7 + Number(key)]);
    } else if (random(3) === 0) {
      queue.rotate();
    } else {
      const item = random(2) === 0 ? queue.take() : queue.shift();
      if (item !== undefined) {
        expect(expected.get(String(item % 7))!.shift()).toBe(item);
      }
    }
  }
  for (const item of queue.drain()) {
    expect(expected.get(String(item % 7))!.shift()).toBe(item);
  }
  expect([...expected.values()].flat()).toEqual([]);
});
