import { expect, test, vi } from "vitest";
import { SharedBatches } from "../../../src/server/log/core/shared-batches.js";
import type { MessageRecord } from "../../../src/server/log/core/stored-record.js";
import { TailCache } from "../../../src/server/log/core/tail-cache.js";
import type { Batch } from "../../../src/server/log/message-log.js";
import { RoomSelection } from "../../../src/server/rooms/room-selection.js";
import { collectGarbage } from "../../support/memory.js";

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
    const added = record(sequence, room, 100);
    tail.add(added, added.bytes);
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
  const tail = new TailCache(20 * KiB, 0);
  const dropped: WeakRef<object>[] = [];
  for (let sequence = 1; sequence <= 40; sequence++) {
    const added = record(sequence, sequence % 2 === 0 ? "quiet" : "busy", 4 * KiB);
    tail.add(added, added.bytes);
    const read = tail.read(sequence - 1)!;
    expect(tail.read(sequence - 1, { rooms: RoomSelection.of([added.room]) })).toBe(read);
    dropped.push(new WeakRef(added.bytes), new WeakRef(read));
  }
  await new Promise((resolve) => setImmediate(resolve)); // Releases what was just made.
  collectGarbage();
  const held = dropped.filter((one) => one.deref() !== undefined);
  expect(held.length).toBe(2 * 4);
  expect([...tail.byRoom.keys()].sort()).toEqual(["busy", "quiet"]);
});

test("what a tail holds is bounded, whatever the size of its records, rooms and buffers", () => {
  const maxBytes = 64 * KiB;
  const tail = new TailCache(maxBytes, 0);
  const held: { readonly sequence: number; readonly buffer: Uint8Array }[] = [];
  let sequence = 0;
  const addCommit = (count: number, bytes: number, roomOf: (i: number) => string) => {
    const buffer = new Uint8Array(count * bytes);
    for (let i = 0; i < count; i++) {
      sequence++;
      tail.add(record(sequence, roomOf(i), bytes), buffer, i * bytes, (i + 1) * bytes);
      held.push({ sequence, buffer });
      expect(tail.read(sequence - 1)!.bytes.buffer).toBe(buffer.buffer);
      expect(tail.bytes <= maxBytes || tail.first === sequence).toBe(true);
    }
    while (held[0]!.sequence < tail.first) {
      held.shift();
    }
    // Whole buffers, each once, and not much besides.
    const buffers = new Set(held.map((one) => one.buffer));
    const whole = [...buffers].reduce((sum, { length }) => sum + length, 0);
    expect(tail.bytes).toBeGreaterThanOrEqual(whole + held.length * 100);
    expect(tail.bytes).toBeLessThanOrEqual(whole + held.length * 1200);
  };
  for (let i = 0; i < 500; i++) {
    addCommit(1, 1, () => "one");
    addCommit(20, 100, (k) => `room/${i % 3}/${k}`);
    addCommit(3, 10 * KiB, () => `${i}`.padEnd(200, "x"));
  }
  addCommit(1, 2 * maxBytes, () => "one");
  expect(tail.first).toBe(sequence);
  expect([...tail.byRoom.keys()]).toEqual(["one"]);
  tail.dropBefore(sequence + 1);
  expect([tail.bytes, tail.byRoom.size, tail.first]).toEqual([0, 0, sequence + 1]);
});

test("batches of dropped messages, and readers of a few of them, hold no large buffers", async () => {
  const commits = 24;
  const count = 1000;
  const largeBytes = 128 * KiB;
  const tail = new TailCache(4 * KiB * KiB, 0);
  const buffers: WeakRef<object>[] = [];
  const slow: (Batch | undefined)[] = []; // What readers have got that do not take it.
  const addCommit = () => {
    const buffer = new Uint8Array(count * KiB + largeBytes);
    for (let i = 0; i < count; i++) {
      const added = record(tail.head + 1, i % 100 === 99 ? "rare" : "busy", KiB);
      tail.add(added, buffer, i * KiB, (i + 1) * KiB);
    }
    const { bytes } = tail;
    slow.push(tail.read(tail.head - 1, { rooms: RoomSelection.of(["rare"]) }));
    expect(tail.bytes).toBeGreaterThan(bytes + KiB);
    slow.push(tail.read(tail.head - 2, { rooms: RoomSelection.of(["busy"]) }));
    tail.add(record(tail.head + 1, "busy", largeBytes), buffer, count * KiB);
    tail.read(tail.head - 1, { rooms: RoomSelection.of(["busy", "rare"]) }); // It is shared.
    buffers.push(new WeakRef(buffer.buffer));
  };
  for (let i = 0; i < commits; i++) {
    addCommit();
  }
  await new Promise((resolve) => setImmediate(resolve)); // Releases what was just made.
  collectGarbage();
  expect(slow.map((batch) => batch?.bytes.length)).toEqual(Array(2 * commits).fill(KiB));
  expect(buffers.filter((one) => one.deref() !== undefined).length).toBeLessThanOrEqual(6);
  tail.dropBefore(tail.head + 1);
  expect(tail.bytes).toBe(0);
});

test("records are found after many have come and gone", () => {
  const tail = new TailCache(40 * KiB, 0);
  for (let sequence = 1; sequence <= 5000; sequence++) {
    const added = record(sequence, `room/${sequence % 7}`, sequence % 50);
    added.bytes.fill(sequence);
    tail.add(added, added.bytes);
    const at = tail.first + Math.floor((sequence - tail.first) * ((sequence % 11) / 10));
    const { bytes, ...found } = tail.find(at)!;
    expect(found).toEqual({ first: at, last: at, count: 1 });
    expect(bytes).toEqual(new Uint8Array(at % 50).fill(at));
    expect(tail.oldest!.last).toBe(tail.first);
  }
  expect(tail.first).toBeGreaterThan(4000);
});
