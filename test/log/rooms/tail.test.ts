import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test, vi } from "vitest";
import { SharedBatches } from "../../../src/server/log/core/shared-batches.js";
import type { MessageRecord } from "../../../src/server/log/core/stored-record.js";
import { TailCache } from "../../../src/server/log/core/tail-cache.js";
import { RoomSelection } from "../../../src/server/rooms/room-selection.js";

setFlagsFromString("--expose-gc");
const gc: () => void = runInNewContext("gc");

const KiB = 1024;

function record(sequence: number, room: string, bytes: number): MessageRecord {
  const place = { first: sequence, last: sequence, count: 1 };
  return { ...place, room, sentAt: 0, totalBytes: 0, bytes: new Uint8Array(bytes) };
}

test("what is shared is bounded, whatever the rooms that are selected", () => {
  const shared = new SharedBatches();
  // Large batches at one place, each for another selection.
  for (let i = 0; i < 1000; i++) {
    shared.add(0, `a ${i}`, record(1, "a", 64 * KiB));
    expect(shared.bytes).toBeLessThanOrEqual(8 * KiB * KiB);
  }
  // Small batches of selections with long lists of names.
  for (let i = 0; i < 1000; i++) {
    shared.add(i % 7, `${i}`.padEnd(100 * KiB, "x"), record(8, "a", 100));
    expect(shared.bytes).toBeLessThanOrEqual(8 * KiB * KiB);
  }
  const last = record(8, "a", 100);
  shared.add(6, "last", last);
  expect(shared.get(6, "last", 8)).toBe(last);
  expect(shared.get(0, "a 0", 1)).toBeUndefined();
  const again = record(8, "a", 200);
  const { bytes } = shared;
  shared.add(6, "last", again);
  expect(shared.get(6, "last", 8)).toBe(again);
  expect(shared.bytes).toBe(bytes + 100);
});

test("a few rooms are found without looking at the messages of all others", () => {
  const tail = new TailCache(Number.POSITIVE_INFINITY, 0);
  const wanted: number[] = [];
  for (let sequence = 1; sequence <= 20_000; sequence++) {
    const room = sequence % 4000 === 0 ? `rare/${sequence % 3}` : `busy/${sequence % 100}`;
    tail.add(record(sequence, room, 100));
    if (room.startsWith("rare")) {
      wanted.push(sequence);
    }
  }
  const rooms = RoomSelection.of(["rare/0", "rare/1", "rare/2", "none"]);
  const has = vi.spyOn(rooms, "has");
  const { first, last, count } = tail.read(0, { rooms })!;
  expect([first, last, count]).toEqual([wanted[0], wanted.at(-1), wanted.length]);
  expect(tail.read(wanted.at(-1)!, { rooms })).toBeUndefined();
  expect(has.mock.calls.length).toBeLessThan(100);
});

test("nothing is held of what a room has dropped", async () => {
  const tail = new TailCache(4 * KiB, 0);
  const dropped: WeakRef<MessageRecord>[] = [];
  for (let sequence = 1; sequence <= 40; sequence++) {
    const added = record(sequence, sequence % 2 === 0 ? "quiet" : "busy", KiB);
    dropped.push(new WeakRef(added));
    tail.add(added);
  }
  await new Promise((resolve) => setImmediate(resolve)); // Releases what was just made.
  gc();
  const held = dropped.filter((one) => one.deref() !== undefined);
  expect(held.length).toBe(4);
  expect([...tail.byRoom.keys()].sort()).toEqual(["busy", "quiet"]);
});
