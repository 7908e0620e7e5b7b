import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { becomeKnown } from "../../src/server/limits/authenticated-connections.js";
import { afterInboundTurns } from "../../src/server/service/call/inbound-turns.js";
import { IncomingQueue } from "../../src/server/websocket/incoming-queue.js";
import { BodyChunks } from "../../src/server/websocket/message-store.js";

const source = { pause() {}, resume() {}, drained() {} };

function createQueue({ isKnown }: { isKnown: boolean }) {
  const connection = {};
  if (isKnown) {
    becomeKnown(connection);
  }
  return new IncomingQueue(1024, source, new BodyChunks(), connection);
}

function push(queue: IncomingQueue, text: string): void {
  queue.push({ data: Buffer.from(text), binary: true });
}

const allDelivered = () => new Promise<void>(afterInboundTurns);

/** Reads all of a queue and notes what came. */
async function read(queue: IncomingQueue, name: string, noted: string[]): Promise<void> {
  for await (const { data } of queue) {
    noted.push(`${name} ${data}`);
  }
}

test("a few of a hundred readers without a valid token continue in a turn, and one with a token does", async () => {
  const noted: string[] = [];
  const unknown = Array.from({ length: 100 }, () => createQueue({ isKnown: false }));
  const known = createQueue({ isKnown: true });
  for (const queue of unknown) {
    void read(queue, "unknown", noted);
    push(queue, "x");
  }
  void read(known, "known", noted);
  push(known, "x");
  await nextTurn();
  expect(noted).toContain("known x");
  expect(noted.length).toBeLessThan(20);
  await allDelivered();
  expect(noted).toHaveLength(101);
});

test("without a valid token what is read after an answer takes a turn, too", async () => {
  const noted: string[] = [];
  const queues = Array.from({ length: 100 }, () => createQueue({ isKnown: false }));
  for (const queue of queues) {
    push(queue, "x");
    void read(queue, "later", noted);
  }
  await Promise.resolve();
  expect(noted).toHaveLength(0);
  await allDelivered();
  expect(noted).toHaveLength(100);
});

test("who turns out to have a valid token waits no longer among those without", async () => {
  const noted: string[] = [];
  for (let i = 0; i < 100; i++) {
    const queue = createQueue({ isKnown: false });
    void read(queue, "unknown", noted);
    push(queue, "x");
  }
  const late = createQueue({ isKnown: false });
  void read(late, "late", noted);
  push(late, "x");
  becomeKnown(late.connection);
  late.takeTurnAgain();
  await nextTurn();
  expect(noted).toContain("late x");
  await allDelivered();
});

test("what waits for its turn is read before the end, and chunks of one turn as one", async () => {
  const noted: string[] = [];
  const queue = createQueue({ isKnown: true });
  const whole = read(queue, "known", noted);
  push(queue, "a");
  push(queue, "b");
  queue.end();
  await whole;
  expect(noted).toEqual(["known ab"]);
});

test("what is released is not passed on", async () => {
  const queue = createQueue({ isKnown: true });
  const next = queue.next();
  push(queue, "x");
  queue.discard(new Error("let go"));
  await expect(next).rejects.toThrow("let go");
  await allDelivered();
});

test("without a valid token a turn has a part of a long body, and all of it comes in order", async () => {
  const chunks: string[] = [];
  const queue = createQueue({ isKnown: false });
  const body = Array.from({ length: 5_000 }, (_, i) => String(i % 10)).join("");
  const whole = (async () => {
    for await (const { data } of queue) {
      chunks.push(String(data));
    }
  })();
  push(queue, body);
  await nextTurn();
  expect(chunks.join("").length).toBeLessThan(2_000);
  push(queue, "the last");
  await allDelivered();
  queue.end();
  await whole;
  expect(chunks.join("")).toBe(`${body}the last`);
});

test("nor is a long body given at once because its end has come; who lets it go waits for nothing", async () => {
  const queue = createQueue({ isKnown: false });
  push(queue, "x".repeat(5_000));
  queue.end();
  let isRead = false;
  const first = queue.next().then((result) => {
    isRead = true;
    return result;
  });
  await Promise.resolve();
  expect(isRead).toBe(false);
  expect((await first).value?.data.length).toBeLessThan(2_000);
  const second = queue.next();
  await queue.return();
  expect((await second).done).toBe(true);
  expect((await queue.next()).done).toBe(true);
});
