import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, test } from "vitest";
import { HistoryResponseSchema } from "../../src/gen/chatter_pb.js";
import { formatCursor } from "../../src/server/log/cursor.js";
import {
  countStored,
  createStamp,
  envelopeLength,
  joinBatches,
  sliceBatch,
  storedSize,
  writeStored,
} from "../../src/server/log/stored-message.js";
import { decode } from "../support/log-messages.js";

const identity = "AbCd-_89";

function encode(text: string, sender: string, sentAt: number, sequence: number): Buffer {
  const stamp = createStamp(identity, sentAt);
  const textBytes = Buffer.byteLength(text);
  const senderBytes = Buffer.byteLength(sender);
  const size = storedSize(stamp, textBytes, senderBytes, sequence);
  // Room around it shows whether it writes elsewhere.
  const target = Buffer.alloc(size + 8, 0xee);
  const end = writeStored(target, 4, size, stamp, text, textBytes, sender, senderBytes, sequence);
  expect(end).toBe(size + 4);
  expect([...target.subarray(0, 4), ...target.subarray(end)]).toEqual(Array(8).fill(0xee));
  return target.subarray(4, end);
}

/** The text as any UTF-8 writer takes it: a lone surrogate is replaced. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

const anyMessage = fc.record({
  text: fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 300 }),
    fc.constantFrom("x".repeat(127), "x".repeat(128), "é".repeat(32_768), "\ud800"),
  ),
  sender: fc.string({ unit: "binary", maxLength: 64 }),
  sentAt: fc.oneof(fc.nat(4_000_000_000_000), fc.constantFrom(0, 1, 999, 1000, 2 ** 31 * 1000)),
  sequence: fc.oneof(
    fc.integer({ min: 1, max: 2 ** 48 - 1 }),
    fc.constantFrom(127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 35),
  ),
});

test("a stored message is what the generated code writes", () => {
  fc.assert(
    fc.property(anyMessage, ({ text, sender, sentAt, sequence }) => {
      const stored = encode(text, sender, sentAt, sequence);
      const message = toBinary(
        HistoryResponseSchema,
        create(HistoryResponseSchema, {
          message: wellFormed(text),
          length: Buffer.byteLength(text),
          sentAt: timestampFromMs(sentAt),
          sequence: BigInt(sequence),
          sender: wellFormed(sender),
          cursor: formatCursor(identity, sequence),
        }),
      );
      expect(stored.readUInt8(0)).toBe(0);
      expect(stored.readUInt32BE(1)).toBe(message.length);
      expect(Buffer.compare(stored.subarray(envelopeLength), message)).toBe(0);
    }),
  );
});

test("batches are cut and joined at message bounds", () => {
  const messages = Array.from({ length: 9 }, (_, i) => encode(`m${i}`, "goa", 0, i + 11));
  const batch = { first: 11, last: 19, count: 9, bytes: Buffer.concat(messages) };
  expect(countStored(batch.bytes)).toBe(9);
  expect(sliceBatch(batch, 10)).toBe(batch);
  expect(sliceBatch(batch, 19)).toBeUndefined();
  expect(sliceBatch(batch, 12, 12)).toBeUndefined();
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 18 }),
      fc.integer({ min: 19, max: 30 }),
      fc.integer({ min: 1, max: 12 }),
      (after, through, limit) => {
        const slice = sliceBatch(batch, after, through, limit)!;
        expect(slice.bytes.buffer).toBe(batch.bytes.buffer);
        const first = Math.max(11, after + 1);
        expect(decode(slice).map(({ sequence }) => Number(sequence))).toEqual(
          Array.from({ length: Math.min(limit, 20 - first) }, (_, i) => first + i),
        );
        const rest = sliceBatch(batch, slice.last);
        const joined = rest === undefined ? slice : joinBatches([slice, rest]);
        expect(joined).toMatchObject({ first, last: 19, count: 20 - first });
        expect(decode(joined)).toHaveLength(joined.count);
      },
    ),
  );
});
