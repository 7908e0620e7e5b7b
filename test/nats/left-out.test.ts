import { describe, expect, onTestFinished, test } from "vitest";
import { openStream } from "../../src/server/log/nats/open-stream.js";
import { NatsCatchUp } from "../../src/server/log/nats/read/catch-up.js";
import { type DirectQuery, NatsDirectGets } from "../../src/server/log/nats/read/direct-gets.js";
import { MalformedMessages } from "../../src/server/log/nats/read/malformed.js";
import { ReplicaTail } from "../../src/server/log/nats/read/replica-tail.js";
import { NatsRoomReads } from "../../src/server/log/nats/read/room-reads.js";
import { NatsTail } from "../../src/server/log/nats/read/tail.js";
import { openSession } from "../../src/server/log/nats/session.js";
import { NatsStream } from "../../src/server/log/nats/stream.js";
import { RoomSelection } from "../../src/server/rooms/room-selection.js";
import { decode, posts } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { openLog } from "./support/open-log.js";

const count = 200;
const all = Array.from({ length: count }, (_, i) => i + 1);

/** A stream with messages, the consumers of which begin some messages too late. */
async function openLeavingOut(missing: number) {
  const nats = await startNats();
  await (await openLog(nats.address)).append(posts(count));
  const session = await openSession({ servers: [nats.address] }, 5000);
  onTestFinished(() => session.close());
  const options = { stream: "chatter", retention: {}, dedupeMs: 600_000 };
  const stream = await openStream(session, options, 5000);
  stream.addConsumer = (of, ...rest) => {
    const start = typeof of === "number" ? of + missing : of;
    return NatsStream.prototype.addConsumer.call(stream, start, ...rest);
  };
  return { session, stream };
}

describe.skipIf(!hasNats)("what a consumer leaves out", () => {
  test("is asked for before what follows is shown", async () => {
    const { stream, session } = await openLeavingOut(150);
    const closing = new AbortController();
    const errors: unknown[] = [];
    const logger = { info() {}, warn() {}, error: (fields: unknown) => errors.push(fields) };
    const atStart = Object.assign(stream, { place: { first: 1, head: 0 } });
    const replica = new ReplicaTail(atStart, closing.signal, logger);
    const tail = new NatsTail(session, stream, 0, (messages) => replica.take(messages));
    await expect.poll(() => replica.head).toBe(count);
    await tail.close();
    const seen: number[] = [];
    for (let batch = replica.cache.read(0); batch; batch = replica.cache.read(batch.last)) {
      seen.push(...decode(batch).map(({ sequence }) => Number(sequence)));
    }
    expect(seen).toEqual(all);
    expect(errors).toEqual([]);
  });

  test("in the middle of what comes at once is asked for", async () => {
    const { stream } = await openLeavingOut(0);
    const atStart = Object.assign(stream, { place: { first: 1, head: 0 } });
    const replica = new ReplicaTail(atStart, new AbortController().signal);
    const some = await stream.messages(0, 20);
    replica.take(some.filter(({ sequence }) => sequence < 5 || sequence > 7));
    replica.take((await stream.messages(20, 40)).filter(({ sequence }) => sequence % 5 === 0));
    await expect.poll(() => replica.head).toBe(40);
    const seen: number[] = [];
    for (let batch = replica.cache.read(0); batch; batch = replica.cache.read(batch.last)) {
      seen.push(...decode(batch).map(({ sequence }) => Number(sequence)));
    }
    expect(seen).toEqual(all.slice(0, 40));
  });

  test("is asked for also when it is no longer in memory", async () => {
    const { stream, session } = await openLeavingOut(3);
    const catchUp = new NatsCatchUp(session, stream, async () => {});
    const seen: number[] = [];
    for (let after = 0; after < count; ) {
      const batch = (await catchUp.read(after, count))!;
      seen.push(...decode(batch).map(({ sequence }) => Number(sequence)));
      after = batch.last;
    }
    expect(seen).toEqual(all);
    await catchUp.close(new Error("closed"));
  });

  test.each([
    ["does not know the last messages", 120],
    ["knows no message", 0],
  ])("of a room by a node that %s is asked of the leader", async (_, known) => {
    const { stream, session } = await openLeavingOut(0);
    const gets = new NatsDirectGets(session, stream);
    const lagging = Object.assign(Object.create(gets) as NatsDirectGets, {
      async get(query: DirectQuery) {
        const { messages, pending } = await gets.get(query);
        const some = messages.filter(({ sequence }) => sequence <= known);
        return { messages: some, pending: some.length === messages.length ? pending : 0 };
      },
    });
    const malformed = new MalformedMessages();
    const check = () => stream.look();
    const reads = new NatsRoomReads({ session, stream, gets: lagging, malformed, check });
    const seen: number[] = [];
    for (let after = 0; after < count; ) {
      const batch = (await reads.read(after, count, RoomSelection.main))!;
      seen.push(...decode(batch).map(({ sequence }) => Number(sequence)));
      after = batch.last;
    }
    expect(seen).toEqual(all);
    expect(await reads.read(0, count, RoomSelection.of(["a", "b/*"]))).toBeUndefined();
    await reads.close(new Error("closed"));
    gets.close();
  });
});
