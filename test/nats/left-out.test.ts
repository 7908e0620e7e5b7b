import { describe, expect, onTestFinished, test } from "vitest";
import { NatsArrivals } from "../../src/server/log/nats-arrivals.js";
import { NatsCatchUp } from "../../src/server/log/nats-catch-up.js";
import { openLink } from "../../src/server/log/nats-link.js";
import { openStream } from "../../src/server/log/nats-opening.js";
import { NatsStream } from "../../src/server/log/nats-stream.js";
import { NatsTail } from "../../src/server/log/nats-tail.js";
import { decode, posts } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { openLog } from "./support/open-log.js";

const count = 200;
const all = Array.from({ length: count }, (_, i) => i + 1);

/** A stream with messages, the consumers of which begin some messages too late. */
async function openLeavingOut(missing: number) {
  const nats = await startNats();
  await (await openLog(nats.address)).append(posts(count));
  const link = await openLink({ servers: [nats.address] }, 5000);
  onTestFinished(() => link.close());
  const options = { stream: "chatter", retention: {}, dedupeMs: 600_000 };
  const stream = await openStream(link, options, 5000);
  stream.addConsumer = (after, ...rest) =>
    NatsStream.prototype.addConsumer.call(stream, after + missing, ...rest);
  return { link, stream };
}

describe.skipIf(!hasNats)("what a consumer leaves out", () => {
  test("is asked for before what follows is shown", async () => {
    const { stream, link } = await openLeavingOut(150);
    const closing = new AbortController();
    const errors: unknown[] = [];
    const logger = { info() {}, warn() {}, error: (fields: unknown) => errors.push(fields) };
    const atStart = Object.assign(stream, { place: { first: 1, head: 0 } });
    const arrivals = new NatsArrivals(atStart, closing.signal, logger);
    const tail = new NatsTail(link, stream, 0, (messages) => arrivals.take(messages));
    await expect.poll(() => arrivals.head).toBe(count);
    await tail.close();
    const seen: number[] = [];
    for (let batch = arrivals.recent.read(0); batch; batch = arrivals.recent.read(batch.last)) {
      seen.push(...decode(batch).map(({ sequence }) => Number(sequence)));
    }
    expect(seen).toEqual(all);
    expect(errors).toEqual([]);
  });

  test("in the middle of what comes at once is asked for", async () => {
    const { stream } = await openLeavingOut(0);
    const atStart = Object.assign(stream, { place: { first: 1, head: 0 } });
    const arrivals = new NatsArrivals(atStart, new AbortController().signal);
    const some = await stream.messages(0, 20);
    arrivals.take(some.filter(({ sequence }) => sequence < 5 || sequence > 7));
    arrivals.take((await stream.messages(20, 40)).filter(({ sequence }) => sequence % 5 === 0));
    await expect.poll(() => arrivals.head).toBe(40);
    const seen: number[] = [];
    for (let batch = arrivals.recent.read(0); batch; batch = arrivals.recent.read(batch.last)) {
      seen.push(...decode(batch).map(({ sequence }) => Number(sequence)));
    }
    expect(seen).toEqual(all.slice(0, 40));
  });

  test("is asked for also when it is no longer in memory", async () => {
    const { stream, link } = await openLeavingOut(3);
    const catchUp = new NatsCatchUp(link, stream, async () => {});
    const seen: number[] = [];
    for (let after = 0; after < count; ) {
      const batch = (await catchUp.read(after, count))!;
      seen.push(...decode(batch).map(({ sequence }) => Number(sequence)));
      after = batch.last;
    }
    expect(seen).toEqual(all);
    await catchUp.close(new Error("closed"));
  });
});
