import { expect, test } from "vitest";
import { InFlightLimit } from "../../src/server/log/nats/publish/in-flight-limit.js";

test("posts that wait for their turn take it by sender, whoever has how many", async () => {
  const limit = new InFlightLimit();
  const { signal } = new AbortController();
  const taken: string[] = [];
  const take = async (sender: string) => {
    if (await limit.acquire(sender, 60_000, signal)) {
      taken.push(sender);
    }
  };
  const flood = Array.from({ length: 2_000 }, () => take("mallory"));
  const late = [take("bob"), take("bob"), take("carol")];
  await new Promise(setImmediate);
  const under = taken.length; // Those that need not wait.
  for (let i = 0; i < 5; i++) {
    limit.release();
    await new Promise(setImmediate);
  }
  expect(taken.slice(under)).toEqual(["mallory", "bob", "carol", "mallory", "bob"]);
  await Promise.all(late);
  while (taken.length < flood.length + late.length) {
    limit.release();
    await Promise.resolve();
  }
  await Promise.all(flood);
});

test("one that has waited too long takes no turn from others", async () => {
  const limit = new InFlightLimit();
  const { signal } = new AbortController();
  const held: Promise<boolean>[] = [];
  for (let i = 0; i < 512; i++) {
    held.push(limit.acquire("mallory", 60_000, signal));
  }
  expect(await Promise.all(held)).not.toContain(false);
  const gone = limit.acquire("bob", 1, signal);
  const next = limit.acquire("bob", 60_000, signal);
  expect(await gone).toBe(false);
  limit.release();
  expect(await next).toBe(true);
});
