import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import type { Commit } from "../../src/server/log/core/commit.js";
import { DedupeWindow } from "../../src/server/log/core/dedupe-window.js";
import { GroupCommit } from "../../src/server/log/core/group-commit.js";
import { post, posts } from "../support/log-messages.js";

/** A group commit on a disk that syncs when the test says so. */
function create() {
  const writes: { commit: Commit; done(): void; fail(): void }[] = [];
  const group = new GroupCommit(
    "AbCdEfGh",
    new DedupeWindow({ maxIds: 1000 }),
    (commit) =>
      new Promise((done, reject) => {
        const fail = () => reject(new ConnectError("disk", Code.Unavailable));
        writes.push({ commit, done, fail });
      }),
  );
  const start = (head = 0) => group.start({ head, sentAt: 0, totalBytes: 0 });
  start();
  const write = async (index: number) => {
    await expect.poll(() => writes.length, { interval: 1 }).toBeGreaterThan(index);
    return writes[index]!;
  };
  return { group, start, writes, write };
}

const sequences = (result: { positions: readonly { sequence: number }[] }) =>
  result.positions.map(({ sequence }) => sequence);

test("what arrives while a commit is under way shares the next", async () => {
  const { group, writes, write } = create();
  const results = [group.append([post("a")]), group.append([post("b")])];
  const first = await write(0);
  expect(first.commit.last).toBe(2);
  for (const message of posts(100)) {
    results.push(group.append([message]));
  }
  await new Promise(setImmediate);
  expect(writes).toHaveLength(1);
  first.done();
  const second = await write(1);
  expect(second.commit.last).toBe(102);
  second.done();
  const answers = await Promise.all(results);
  expect(answers.flatMap(sequences)).toEqual(Array.from({ length: 102 }, (_, i) => i + 1));
  expect(writes).toHaveLength(2);
});

test("messages of a room lie side by side in a commit, as far as each call's order allows", async () => {
  const { group, write } = create();
  const rooms = ["a", "b", "a", "b", "a", "b"];
  const results = rooms.map((room, i) => group.append([{ ...post(`${i}`), room }]));
  results.push(group.append(["b", "a", "b"].map((room) => ({ ...post("of one call"), room }))));
  const { commit, done } = await write(0);
  done();
  expect(commit.records.map(({ room, first, last }) => [room, first, last])).toEqual([
    ["a", 1, 3],
    ["b", 4, 7],
    ["a", 8, 8],
    ["b", 9, 9],
  ]);
  expect((await Promise.all(results)).map(sequences)).toEqual([
    ...[[1], [4], [2], [5], [3], [6]],
    [7, 8, 9],
  ]);
});

test("nothing is answered before its commit is durable, repeats of it included", async () => {
  const { group, write } = create();
  let answers = 0;
  const count = () => answers++;
  const result = Promise.all([
    group.append([post("a", "1")]).then(count),
    group.append([post("a", "1")]).then(count),
    group.append([post("b", "1")]).then(count),
  ]);
  const { commit, done } = await write(0);
  expect(commit.last).toBe(1);
  await new Promise(setImmediate);
  expect(answers).toBe(0);
  done();
  await result;
});

test("the calls of one commit are answered in order, some in each turn of the event loop", async () => {
  const { group, write } = create();
  const answered: number[] = [];
  const calls = posts(500).map((message, index) =>
    group.append([message]).then(() => answered.push(index)),
  );
  (await write(0)).done();
  const perTurn: number[] = [];
  for (let before = 0; before < 500; before = answered.length) {
    await new Promise(setImmediate);
    perTurn.push(answered.length - before);
  }
  expect(Math.max(...perTurn)).toBeLessThan(100);
  await Promise.all(calls);
  expect(answered).toEqual(calls.map((_, index) => index));
});

test("commits continue while calls of the last are still to be answered", async () => {
  const { group, writes, write } = create();
  let answered = 0;
  const calls = posts(500).map((message) => group.append([message]).then(() => answered++));
  const { done } = await write(0);
  const next = group.append([post("next")]);
  done();
  await new Promise(setImmediate);
  expect(writes[1]?.commit.last).toBe(501);
  expect(answered).toBeLessThan(500);
  writes[1]!.done();
  await next;
  expect(answered).toBe(500);
  await Promise.all(calls);
});

test("a commit is bounded, by messages, their ids and their bytes", async () => {
  const { group, write } = create();
  const many = group.append(posts(20_000));
  let last = 0;
  for (let i = 0; last < 20_000; i++) {
    const { commit, done } = await write(i);
    expect(commit.last - last).toBeLessThanOrEqual(4096);
    last = commit.last;
    done();
  }
  expect(sequences(await many)).toEqual(Array.from({ length: 20_000 }, (_, i) => i + 1));

  const { group: third, write: thirdWrite } = create();
  const withIds = third.append(posts(3_000).map(({ text }, i) => post(text, `id ${i}`)));
  for (let i = 0, end = 0; end < 3_000; i++) {
    const { commit, done } = await thirdWrite(i);
    expect(commit.last - end).toBeLessThanOrEqual(1024); // Ids take longer than the rest.
    end = commit.last;
    done();
  }
  await withIds;

  const { group: other, write: otherWrite } = create();
  const big = other.append(posts(200).map(({ text }) => post(text.padEnd(65_536, "x"))));
  for (let i = 0, end = 0; end < 200; i++) {
    const { commit, done } = await otherWrite(i);
    expect(commit.frame.length).toBeLessThan(4.2 * 1024 * 1024);
    end = commit.last;
    done();
  }
  await big;
});

test("a failed commit fails all that wait, but not what was durable before", async () => {
  const { group, start, write } = create();
  const long = group.append(posts(8_000));
  (await write(0)).done();
  const failing = await write(1);
  const waiting = group.append([post("w")]);
  failing.fail();
  const result = await long;
  expect(result.positions).toHaveLength(4096);
  expect(result.error?.code).toBe(Code.Unavailable);
  expect(await waiting).toMatchObject({ positions: [], error: { code: Code.Unavailable } });
  expect((await group.append([post("c")])).error?.code).toBe(Code.Unavailable);
  expect(group.fault?.code).toBe(Code.Unavailable);

  start(4096);
  const again = group.append([post("d")]);
  (await write(2)).done();
  expect(sequences(await again)).toEqual([4097]);
  expect(group.fault).toBeUndefined();
});

test("what is durable is answered so, though a later commit fails or the log closes", async () => {
  for (const end of ["fail", "close"] as const) {
    const { group, write } = create();
    const order: string[] = [];
    const calls = posts(500).map((message) =>
      group.append([message]).then(({ positions }) => order.push(`at ${positions[0]?.sequence}`)),
    );
    const first = await write(0);
    const late = group.append([post("late")]).then(({ error }) => order.push(String(error?.code)));
    first.done();
    const second = await write(1);
    if (end === "fail") {
      second.fail();
    } else {
      const closed = group.close();
      second.done();
      await closed;
    }
    await Promise.all([...calls, late]);
    expect(order.slice(0, 500)).toEqual(calls.map((_, index) => `at ${index + 1}`));
    expect(order[500]).toBe(end === "fail" ? String(Code.Unavailable) : "undefined");
  }
});

test("times never go back", async () => {
  const { group, write } = create();
  const ahead = Date.now() + 60_000;
  group.start({ head: 5, sentAt: ahead, totalBytes: 0 });
  const result = group.append([post("a")]);
  (await write(0)).done();
  expect((await result).positions).toEqual([{ sequence: 6, sentAt: ahead }]);
});

test("close waits for the commit under way and refuses the rest", async () => {
  const { group, write } = create();
  const first = group.append([post("a")]);
  const { done } = await write(0);
  const second = group.append([post("b")]);
  const closed = group.close();
  done();
  await closed;
  expect((await first).error).toBeUndefined();
  expect((await second).error?.code).toBe(Code.Unavailable);
});

test("nothing but repeats needs no write", async () => {
  const { group, writes, write } = create();
  const first = group.append([post("a", "1")]);
  (await write(0)).done();
  await first;
  const repeats = await group.append(Array.from({ length: 20_000 }, () => post("a", "1")));
  expect(new Set(sequences(repeats))).toEqual(new Set([1]));
  expect(writes).toHaveLength(1);
});
