import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { checkHistory } from "./check.js";
import type { History, PostRecord, ReadRecord, StoredMessage } from "./history.js";

function stored(...texts: string[]): StoredMessage[] {
  return texts.map((text, i) => ({ sequence: i + 1, sender: "ann", text }));
}

function post(text: string, start: number, more: Partial<PostRecord> = {}): PostRecord {
  return { sender: "ann", id: text.split(" ")[0]!, text, start, ...more };
}

function answered(text: string, start: number, answeredAt: number, sequence: number): PostRecord {
  return post(text, start, { answeredAt, sequence });
}

function read(
  start: number,
  at: number,
  first: number,
  texts: readonly string[],
  more: Partial<ReadRecord> = {},
): ReadRecord {
  const messages = texts.map((text, i) => ({ sequence: first + i, sender: "ann", text, at }));
  return { kind: "history", start, messages, isComplete: true, ...more };
}

const subscription = { kind: "subscription", isComplete: false } as const;

/** Three posts; the first one was repeated, and repeated with another text. */
const good: { readonly log: StoredMessage[]; readonly history: History } = {
  log: stored("a 1", "b 1", "c 1"),
  history: {
    posts: [
      answered("a 1", 10, 20, 1),
      answered("a 1", 12, 30, 1),
      post("a 2", 25, { code: Code.AlreadyExists }),
      post("b 1", 22, { code: Code.Unavailable, isStoredByProgress: true }),
      answered("b 1", 40, 50, 2),
      post("c 1", 60, { code: Code.DeadlineExceeded }),
      post("d 1", 61, { code: Code.Canceled }),
    ],
    reads: [
      read(21, 31, 1, ["a 1"]),
      read(55, 58, 1, ["a 1", "b 1"]),
      read(56, 70, 2, ["b 1", "c 1"], { after: 1 }),
      read(59, 71, 3, ["c 1"], { ...subscription, acceptedAt: 59.5 }),
      read(5, 71, 1, ["a 1", "b 1"], { ...subscription, acceptedAt: 8, code: Code.Unavailable }),
      read(80, 90, 4, [], { after: 3 }),
    ],
  },
};

interface Change {
  readonly log?: StoredMessage[];
  readonly post?: PostRecord;
  readonly read?: ReadRecord;
}

const bad: Record<string, readonly [change: Change, fault: RegExp]> = {
  "an answered post is lost": [{ post: answered("e 1", 80, 90, 4) }, /e 1.* and is not stored/],
  "an answer names another place": [
    { post: answered("c 1", 80, 90, 2) },
    /c 1.* was answered with 2, and is 3/,
  ],
  "an id has two places": [{ log: stored("a 1", "b 1", "c 1", "a 1") }, /two places: 1 .* and 4/],
  "an id has two places, with two texts": [
    { log: stored("a 1", "b 1", "c 1", "a 2") },
    /two places: 1 .* and 4/,
  ],
  "a repeat has the place of its own": [{ post: answered("a 1", 80, 90, 4) }, /answered with 4/],
  "a message is stored that nobody has posted": [
    { log: stored("a 1", "b 1", "c 1", "x 1") },
    /4 \("x 1" by ann\) was posted by nobody/,
  ],
  "a message has another sender": [
    { log: good.log.map((each) => (each.sequence === 2 ? { ...each, sender: "bob" } : each)) },
    /2 \("b 1" by bob\) was posted by nobody/,
  ],
  "a sequence is left out": [
    { log: good.log.map((each) => (each.sequence === 3 ? { ...each, sequence: 4 } : each)) },
    /is the message in place 3/,
  ],
  "what was seen before a post comes after it": [
    { log: stored("c 1", "a 1", "b 1") },
    /1 \("c 1" by ann\) was sent when 2 had been seen, and is stored before it/,
  ],
  "already_exists, but for the same text": [
    { post: post("a 1", 80, { code: Code.AlreadyExists }) },
    /already_exists, but its id has no other text/,
  ],
  "already_exists, but nothing is there": [
    { post: post("e 1", 80, { code: Code.AlreadyExists }) },
    /already_exists, but its id has no other text/,
  ],
  "a post is refused for good": [
    { post: post("e 1", 80, { code: Code.PermissionDenied }) },
    /refused with PermissionDenied/,
  ],
  "an error says that a post is stored, and it is not": [
    { post: post("e 1", 80, { code: Code.Unavailable, isStoredByProgress: true }) },
    /stored as the error says, and is not/,
  ],
  "a read is stale": [{ read: read(80, 90, 1, ["a 1", "b 1"]) }, /ends at 2, though 3 had been/],
  "a read after a cursor is stale": [
    { read: read(80, 90, 3, [], { after: 2 }) },
    /ends at 2, though 3 had been/,
  ],
  "a read has a hole": [
    { read: { ...read(55, 90, 1, ["a 1"]), messages: holed(90) } },
    /has 3 after 1/,
  ],
  "a read begins too late": [{ read: read(80, 90, 2, ["b 1", "c 1"]) }, /has 2 after 0/],
  "a read has a message twice": [
    { read: { ...read(80, 90, 1, []), messages: [...whole(90), ...whole(90).slice(2)] } },
    /has 3 after 3/,
  ],
  "a read goes back": [
    { read: { ...read(80, 90, 1, []), isComplete: false, messages: whole(90).reverse() } },
    /has 2 after 3/,
  ],
  "a read has another text": [
    { read: read(80, 90, 1, ["a 1", "b 1", "d 1"]) },
    /has 3 \("d 1" by ann\), where 3 \("c 1" by ann\) is stored/,
  ],
  "a read has another sender": [
    { read: { ...read(80, 90, 1, []), messages: whole(90).map((m) => ({ ...m, sender: "bob" })) } },
    /has 1 \("a 1" by bob\), where 1 \("a 1" by ann\) is stored/,
  ],
  "a read has what is stored nowhere in the end": [
    { read: read(80, 90, 1, ["a 1", "b 1", "c 1", "d 1"]) },
    /has 4 \("d 1" by ann\), where nothing is stored/,
  ],
  "a read has a message before it was sent": [
    { read: read(5, 15, 1, ["a 1", "b 1"]) },
    /has 2 .* before it was sent/,
  ],
  "a read is refused for good": [
    { read: { ...read(80, 90, 4, [], { after: 3 }), isComplete: false, code: Code.OutOfRange } },
    /refused with OutOfRange/,
  ],
  "a subscription from now begins with the past": [
    { read: read(55, 90, 2, ["b 1", "c 1"], { ...subscription, acceptedAt: 56 }) },
    /begins after 1, though 2 had been seen before/,
  ],
  "a subscription from now misses what was sent after it was accepted": [
    { read: read(21, 90, 3, ["c 1"], { ...subscription, acceptedAt: 21.5 }) },
    /begins after 2, though 2 was sent later/,
  ],
  "a subscription has a hole": [
    { read: { ...read(5, 90, 1, []), ...subscription, messages: holed(90) } },
    /has 3 after 1/,
  ],
  "a subscription after a cursor begins with a hole": [
    { read: read(80, 90, 3, ["c 1"], { ...subscription, after: 1 }) },
    /has 3 after 1/,
  ],
};

function whole(at: number) {
  return [...read(0, at, 1, ["a 1", "b 1", "c 1"]).messages];
}

function holed(at: number) {
  return whole(at).filter(({ sequence }) => sequence !== 2);
}

test("a good history has no fault", () => {
  expect(checkHistory(good.log, good.history)).toEqual([]);
});

test.each(Object.entries(bad))("it is noticed that %s", (_, [change, fault]) => {
  const { log, history } = good;
  const faults = checkHistory(change.log ?? log, {
    posts: change.post ? [...history.posts, change.post] : history.posts,
    reads: change.read ? [...history.reads, change.read] : history.reads,
  });
  expect(faults.join("\n")).toMatch(fault);
});
