import { setMaxListeners } from "node:events";
import { describe, expect, onTestFinished, test } from "vitest";
import { decode, posts } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { manage } from "./support/manager.js";
import { openLog } from "./support/open-log.js";

describe.skipIf(!hasNats)("readers of what is no longer in memory", () => {
  test("each get all, in order, by a bounded number of consumers, which are gone afterwards", {
    timeout: 60_000,
  }, async () => {
    const nats = await startNats();
    const writer = await openLog(nats.address);
    const writers = 40;
    const each = 200;
    await Promise.all(
      Array.from({ length: writers }, (_, i) =>
        writer.append(posts(each, `${i} ${"x".repeat(300)}`)),
      ),
    );
    const head = writers * each;
    await writer.close();
    const log = await openLog(nats.address);
    const manager = await manage(nats.address);
    const consumers = async () => (await manager.streams.info("chatter")).state.consumer_count;
    await expect.poll(consumers).toBe(1);

    let most = 0;
    const watch = setInterval(async () => {
      most = Math.max(most, await consumers());
    }, 5);
    onTestFinished(() => clearInterval(watch));
    const read = async (from: number) => {
      const seen: number[] = [];
      for (let after = from; after < head; ) {
        const batch = (await log.read(after))!;
        expect(batch.count === 1 || batch.bytes.length <= 65_536).toBe(true);
        seen.push(...decode(batch).map(({ sequence }) => Number(sequence)));
        after = batch.last;
      }
      expect(seen).toEqual(Array.from({ length: head - from }, (_, i) => from + 1 + i));
    };
    const leaving = new AbortController();
    setMaxListeners(0, leaving.signal);
    const places = Array.from({ length: 20 }, (_, i) => Math.floor((i * head) / 20));
    const left = Promise.allSettled(
      places.map(async (after) => log.read(after + 1, { signal: leaving.signal })),
    );
    leaving.abort(new Error("left"));
    await Promise.all(places.map(read));
    clearInterval(watch);
    expect((await left).every(({ status }) => status === "rejected")).toBe(true);
    // Eight that read, one that follows; some that are being removed may still be counted.
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThan(30);
    await expect.poll(consumers, { timeout: 10_000 }).toBe(1);
    await log.close();
    await expect.poll(consumers).toBe(0);
  });
});
