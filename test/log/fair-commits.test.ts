import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { Backlog, waitingSize } from "../../src/server/log/core/backlog.js";
import type { Commit } from "../../src/server/log/core/commit.js";
import { DedupeWindow } from "../../src/server/log/core/dedupe-window.js";
import { GroupCommit } from "../../src/server/log/core/group-commit.js";
import { decode, post } from "../support/log-messages.js";

/** A group commit, and what it writes; a write ends when the test says so. */
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
  group.start({ head: 0, sentAt: 0, totalBytes: 0 });
  const write = async (index: number) => {
    await expect.poll(() => writes.length, { interval: 1 }).toBeGreaterThan(index);
    return writes[index]!;
  };
  return { group, writes, write };
}

const many = (sender: string, count: number, text = "flood") =>
  Array.from({ length: count }, (_, i) => post(`${text} ${i + 1}`, "", sender));

const messagesOf = ({ records, frame }: Commit) =>
  records.flatMap(({ start, end }) =>
    decode({ bytes: frame.subarray(start, end) }).map(({ sender, message, sequence }) => ({
      sender,
      message,
      sequence: Number(sequence),
    })),
  );

test("what one sender has piled up does not keep another's post from the next commit", async () => {
  const { group, write } = create();
  const flood = Array.from({ length: 8 }, () => group.append(many("mallory", 10_000)));
  const first = await write(0);
  const late = [group.append([post("hello", "", "bob")]), group.append(many("carol", 100, "c"))];
  first.done();
  const second = await write(1);
  const senders = new Set(messagesOf(second.commit).map(({ sender }) => sender));
  expect(senders).toEqual(new Set(["mallory", "bob", "carol"]));
  second.done();
  for (const result of late) {
    expect((await result).error).toBeUndefined();
  }
  (await write(2)).fail(); // Ends the rest.
  await Promise.all(flood);
});

test("within a commit senders take turns, by work and by bytes, and each call keeps its order", async () => {
  const { group, write } = create();
  const results = [
    group.append(many("mallory", 5_000)),
    group.append(many("bob", 200, "b")),
    group.append(many("carol", 3, "x".repeat(60_000))),
    group.append(many("bob", 10, "second call")),
  ];
  const { commit, done } = await write(0);
  const messages = messagesOf(commit);
  const places = (sender: string) =>
    messages.flatMap((message, index) => (message.sender === sender ? [index] : []));
  // No more than a turn of each of the others is in between.
  expect(places("bob")[199]! - places("bob")[0]!).toBeLessThan(200 + 4 * (64 + 2));
  expect(places("carol")[2]).toBeLessThan(3 * 3 * 64);
  done();
  (await write(1)).done();
  const [mallory, , , second] = await Promise.all(results);
  for (const { positions, error } of await Promise.all(results)) {
    expect(error).toBeUndefined();
    const sequences = positions.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
  }
  expect(mallory!.positions).toHaveLength(5_000);
  expect(second!.positions).toHaveLength(10);
});

test("of calls that are spread over commits what is durable counts when a later commit fails", async () => {
  const { group, write } = create();
  const calls = ["mallory", "bob", "carol"].map((sender) => group.append(many(sender, 5_000)));
  (await write(0)).done();
  const second = await write(1);
  second.fail();
  const results = await Promise.all(calls);
  expect(results.map(({ error }) => error?.code)).toEqual(Array(3).fill(Code.Unavailable));
  const sequences = results.flatMap(({ positions }) => positions.map(({ sequence }) => sequence));
  expect(sequences.toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 4096 }, (_, i) => i + 1),
  );
});

test("one sender fills no more than half of what may wait, and another still has room", () => {
  const backlog = new Backlog(1000);
  let entered = 0;
  while (backlog.enter("mallory", 50)) {
    entered++;
  }
  expect(entered * 50).toBe(500);
  expect(backlog.enter("bob", 200)).toBe(true);
  expect(backlog.enter("mallory", 1)).toBe(false);
  backlog.leave("bob", 200);
  for (let i = 0; i < entered; i++) {
    backlog.leave("mallory", 50);
  }
  // A call alone always may.
  expect(backlog.enter("mallory", 5000)).toBe(true);
  backlog.leave("mallory", 5000);
  expect(waitingSize([post("text", "id"), post("", "")])).toBeGreaterThan(100);
});
