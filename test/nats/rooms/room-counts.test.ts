import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { RoomCounts } from "../../../src/server/log/nats/read/room-counts.js";
import type { NatsStream } from "../../../src/server/log/nats/stream.js";
import { RoomSelection } from "../../../src/server/rooms/room-selection.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("the pages of a list share one count, however long a page takes; a later list counts again", async () => {
  const countSubjects = vi.fn(async function* () {
    yield [["base.a", 1] as [string, number], ["base.b", 2] as [string, number]];
  });
  const counts = new RoomCounts({ subject: "base", countSubjects } as unknown as NatsStream);
  const page = (after: string, ms: number) =>
    counts.use({ rooms: RoomSelection.all, prefix: "", after, limit: 1 }, async (counted) => {
      await vi.advanceTimersByTimeAsync(ms);
      return counted.size;
    });
  expect(await page("", 60_000)).toBe(2);
  expect(await page("a", 60_000)).toBe(2);
  expect(countSubjects).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await page("a", 0)).toBe(2);
  expect(countSubjects).toHaveBeenCalledTimes(2);
  expect(await page("", 0)).toBe(2);
  expect(countSubjects).toHaveBeenCalledTimes(3);
  counts.close();
  expect(vi.getTimerCount()).toBe(0);
});
