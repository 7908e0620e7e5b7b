import { create, fromBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, test } from "vitest";
import { HistoryResponseSchema } from "../../src/gen/chatter_pb.js";
import { joinBatches, sliceBatch } from "../../src/server/encoding/batch.js";
import { formatCursor } from "../../src/server/encoding/cursor.js";
import { countEnvelopes, envelopePrefixLength } from "../../src/server/encoding/envelope.js";
import {
  createCommitFields,
  readStored,
  storedSize,
  writeStored,
} from "../../src/server/encoding/stored-message.js";
import { decode } from "../support/log-messages.js";

const identity = "AbCd-_89";

interface AnyMessage {
  readonly text: string;
  readonly sender: string;
  readonly sentAt: number;
  readonly sequence: number;
  readonly room: string;
}

function encode({ text, sender, sentAt, sequence, room }: AnyMessage): Buffer {
  const fields = createCommitFields(identity, sentAt);
  const textBytes = Buffer.byteLength(text);
  const senderBytes = Buffer.byteLength(sender);
  const size = storedSize(fields, textBytes, senderBytes, sequence, room);
  // Space around it shows whether it writes elsewhere.
  const target = Buffer.alloc(size + 8, 0xee);
  const message = { text, textBytes, sender, senderBytes, room, sequence };
  const end = writeStored(target, 4, size, fields, message);
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
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.constantFrom("x".repeat(127), "x".repeat(128), "é".repeat(32_768), "\ud800"),
  ),
  sender: fc.string({ unit: "binary", maxLength: 64 }),
  sentAt: fc.oneof(fc.nat(4_000_000_000_000), fc.constantFrom(0, 1, 999, 1000, 2 ** 31 * 1000)),
  room: fc.constantFrom("", "a", "team/alpha", "x".repeat(128)),
  sequence: fc.oneof(
    fc.integer({ min: 1, max: 2 ** 48 - 1 }),
    fc.constantFrom(127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 35),
  ),
});

test("a stored message is what the generated code reads, with the cursor at its end", () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const { text, sender, sentAt, sequence, room } = message;
      const stored = encode(message);
      const cursor = formatCursor(identity, sequence);
      expect(stored.readUInt8(0)).toBe(0);
      expect(stored.readUInt32BE(1)).toBe(stored.length - envelopePrefixLength);
      expect(stored.subarray(-cursor.length).toString()).toBe(cursor);
      expect(fromBinary(HistoryResponseSchema, stored.subarray(envelopePrefixLength))).toEqual(
        create(HistoryResponseSchema, {
          message: wellFormed(text),
          length: Buffer.byteLength(text),
          sentAt: timestampFromMs(sentAt),
          sequence: BigInt(sequence),
          sender: wellFormed(sender),
          cursor,
          room,
        }),
      );
    }),
  );
});

test("what is read of a stored message is what was written", () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const { text, sender, sentAt, sequence, room } = message;
      const stored = encode(message);
      expect(readStored(stored, envelopePrefixLength, stored.length)).toEqual({
        message: wellFormed(text),
        length: Buffer.byteLength(text),
        sentAt,
        sequence,
        sender: wellFormed(sender),
        cursor: formatCursor(identity, sequence),
        room,
      });
    }),
  );
});

test("bytes that are not a stored message are read to an end, or refused", () => {
  const stored = encode({
    text: "text",
    sender: "goa",
    sentAt: 1_700_000_000_123,
    sequence: 300,
    room: "team/a",
  });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(40), (noise, at) => {
      const bytes = Buffer.concat([stored.subarray(envelopePrefixLength), noise]);
      bytes.set(noise.subarray(0, 8), Math.min(at, bytes.length - 8 < 0 ? 0 : bytes.length - 8));
      try {
        readStored(bytes, 0, bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
  );
  const cut = stored.subarray(envelopePrefixLength, stored.length - 1);
  expect(() => readStored(cut, 0, cut.length)).toThrow(RangeError);
});

test("batches are cut and joined at message bounds", () => {
  const messages = Array.from({ length: 9 }, (_, i) =>
    encode({ text: `m${i}`, sender: "goa", sentAt: 0, sequence: i + 11, room: "" }),
  );
  const batch = { first: 11, last: 19, count: 9, bytes: Buffer.concat(messages) };
  expect(countEnvelopes(batch.bytes)).toBe(9);
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
