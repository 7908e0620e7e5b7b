import { expect, test } from "vitest";
import { GrowingBuffer } from "../../src/server/util/growing-buffer.js";

test("chunks of any length become one buffer, in their order", () => {
  const buffer = new GrowingBuffer();
  const all = Buffer.from("a message in many chunks".repeat(100));
  for (let at = 0, size = 1; at < all.length; at += size, size = (size % 7) + 1) {
    buffer.append(all.subarray(at, at + size), all.length);
  }
  expect(Buffer.from(buffer.take()).equals(all)).toBe(true);
  expect(buffer.length).toBe(0);
});

test("room is made for what has come, at most twice over, and never for more than is announced", () => {
  const buffer = new GrowingBuffer();
  const announced = 500_000;
  const byte = new Uint8Array(1);
  const rooms = new Set<ArrayBufferLike>();
  for (let length = 1; length <= announced; length++) {
    buffer.append(byte, announced);
    const room = buffer.bytes.buffer;
    if (!rooms.has(room)) {
      rooms.add(room);
      expect(room.byteLength).toBeLessThanOrEqual(Math.min(announced, Math.max(2 * length, 1024)));
    }
  }
  expect(rooms.size).toBeLessThan(12); // It grew by doubling, not a byte at a time.
});
