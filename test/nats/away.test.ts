import { Code } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { decode, headBeyond, post, posts, texts } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { openLog } from "./support/open-log.js";

const timeoutMs = 1000;

describe.skipIf(!hasNats)("while JetStream is away", () => {
  test("posts fail in a bounded time and are not stored, readers get what is in memory, then wait, and all continues by itself", async () => {
    const nats = await startNats();
    const log = await openLog(nats.address, { timeoutMs });
    const server = await startChatter({ log });
    const isReady = async () => (await fetch(`${server.url}/readyz`)).ok;
    await log.append(posts(10));
    expect(await isReady()).toBe(true);

    await nats.kill();
    await expect.poll(isReady).toBe(false);
    expect(log.writeFault?.code).toBe(Code.Unavailable);
    const start = performance.now();
    const failed = await Promise.all([
      log.append([post("failed", "id"), post("never tried")]),
      log.append([post("failed too")]),
    ]);
    expect(performance.now() - start).toBeLessThan(timeoutMs + 5000);
    for (const { positions, error } of failed) {
      expect(positions).toEqual([]);
      expect(error?.code).toBe(Code.Unavailable);
    }
    expect(await texts(log, 5)).toEqual([6, 7, 8, 9, 10].map((i) => `message ${i}`));
    const waiting = headBeyond(log, 10);

    await nats.start();
    await expect.poll(isReady, { timeout: 20_000 }).toBe(true);
    expect((await log.append([post("after")])).positions[0]?.sequence).toBe(11);
    await waiting;
    expect(await texts(log)).toEqual([...posts(10).map(({ text }) => text), "after"]);
  });

  test("a reader of what is no longer in memory waits for it, or leaves", async () => {
    const nats = await startNats();
    const before = await openLog(nats.address);
    await before.append(posts(10));
    await before.close();
    const log = await openLog(nats.address);
    await nats.kill();
    const reading = log.read(3);
    const leaving = new AbortController();
    const left = expect(log.read(3, { signal: leaving.signal })).rejects.toThrow("enough");
    leaving.abort(new Error("enough"));
    await left;
    await nats.start();
    expect(decode((await reading)!).map(({ message }) => message)[0]).toBe("message 4");
  });

  test("a post that is under way when it goes is stored once, and answered if it comes back in time", async () => {
    const nats = await startNats();
    const log = await openLog(nats.address);
    const before = await log.append([post("before")]);
    nats.pause();
    const under = log.append(posts(5));
    await new Promise((resolve) => setTimeout(resolve, 2500));
    nats.resume();
    expect((await under).positions.map(({ sequence }) => sequence)).toEqual([2, 3, 4, 5, 6]);
    expect(before.positions[0]!.sequence).toBe(1);
    expect(await texts(log)).toHaveLength(6);
  });

  test("of thousands of posts each fails in time, or is stored once", async () => {
    const nats = await startNats();
    // On a busy machine thousands take seconds.
    const longMs = 5 * timeoutMs;
    const log = await openLog(nats.address, { timeoutMs: longMs });
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on("warning", warn);
    onTestFinished(() => void process.off("warning", warn));
    const appendAll = (prefix: string) =>
      Promise.all(posts(3000, prefix).map((message) => log.append([message])));
    nats.pause();
    const start = performance.now();
    const failed = await appendAll("while it is away");
    expect(performance.now() - start).toBeLessThan(longMs + 5000);
    expect(failed.every(({ error }) => error?.code === Code.Unavailable)).toBe(true);
    nats.resume();
    await expect.poll(() => log.writeFault, { timeout: 20_000 }).toBeUndefined();
    const stored = await appendAll("when it is back");
    expect(stored.every(({ error }) => error === undefined)).toBe(true);
    const all = await texts(log);
    expect(new Set(all).size).toBe(all.length);
    expect(all.filter((text) => text.startsWith("when it is back"))).toHaveLength(3000);
    expect(warnings).toEqual([]);
  });

  test("a server that finds no NATS does not start, and says so", async () => {
    const nats = await startNats();
    await nats.kill();
    await expect(openLog(nats.address, { timeoutMs })).rejects.toMatchObject({
      code: Code.FailedPrecondition,
      rawMessage: `NATS cannot be reached at ${nats.address}: connection refused`,
    });
  });

  test("a server that is stopped while it is away stops", async () => {
    const nats = await startNats();
    const log = await openLog(nats.address);
    await nats.kill();
    await expect.poll(() => log.writeFault).toBeDefined();
    const waiting = expect(headBeyond(log, 0)).rejects.toMatchObject({ code: Code.Unavailable });
    const posting = log.append([post("a")]);
    await log.close();
    await waiting;
    expect((await posting).error?.code).toBe(Code.Unavailable);
  });
});
