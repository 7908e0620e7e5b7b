import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  cursorLength,
  formatCursor,
  readCursorSequence,
  writeCursor,
} from "../../src/server/encoding/cursor.js";
import { resolveCursor } from "../../src/server/service/reading/resolve-cursor.js";

const head = 2 ** 48 - 2;
const log = { identity: "AbC-_x09", first: 10, reaches: (sequence: number) => sequence <= head };

test("a cursor leads back to its place, and both ways to write it agree", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 9, max: head }), async (sequence) => {
      const cursor = formatCursor(log.identity, sequence);
      expect(await resolveCursor(log, cursor)).toBe(sequence);
      const bytes = Buffer.alloc(cursorLength + 2, "#");
      writeCursor(bytes, 1, log.identity, sequence);
      expect(bytes.toString()).toBe(`#${cursor}#`);
      expect(readCursorSequence(bytes, 1)).toBe(sequence);
    }),
  );
});

test.each([
  ["nothing", ""],
  ["too short", "AbC-_x09AAAAAAA"],
  ["too long", "AbC-_x09AAAAAAAAA"],
  ["other characters", "AbC-_x09AAAAAA+/"],
])("what is not a cursor is invalid_argument: %s", async (_, text) => {
  await expect(resolveCursor(log, text)).rejects.toMatchObject({ code: Code.InvalidArgument });
});

test.each([
  ["of another log", formatCursor("AbC-_x08", 20)],
  ["beyond the head", formatCursor(log.identity, head + 1)],
  ["overtaken by retention", formatCursor(log.identity, 8)],
])("a cursor %s is out_of_range", async (_, cursor) => {
  await expect(resolveCursor(log, cursor)).rejects.toMatchObject({ code: Code.OutOfRange });
});

test("the place before the first message is still good", async () => {
  expect(await resolveCursor(log, formatCursor(log.identity, 9))).toBe(9);
});
