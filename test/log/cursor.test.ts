import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  cursorLength,
  formatCursor,
  resolveCursor,
  writeCursor,
} from "../../src/server/log/cursor.js";

const log = { identity: "AbC-_x09", first: 10, head: 2 ** 48 - 2 };

test("a cursor leads back to its place, and both ways to write it agree", () => {
  fc.assert(
    fc.property(fc.integer({ min: 9, max: log.head }), (sequence) => {
      const cursor = formatCursor(log.identity, sequence);
      expect(resolveCursor(log, cursor)).toBe(sequence);
      const bytes = Buffer.alloc(cursorLength + 2, "#");
      writeCursor(bytes, 1, log.identity, sequence);
      expect(bytes.toString()).toBe(`#${cursor}#`);
    }),
  );
});

test.each([
  ["nothing", ""],
  ["too short", "AbC-_x09AAAAAAA"],
  ["too long", "AbC-_x09AAAAAAAAA"],
  ["other characters", "AbC-_x09AAAAAA+/"],
])("what is no cursor is invalid_argument: %s", (_, text) => {
  expect(() => resolveCursor(log, text)).toThrow(
    expect.objectContaining({ code: Code.InvalidArgument }),
  );
});

test.each([
  ["of another log", formatCursor("AbC-_x08", 20)],
  ["beyond the head", formatCursor(log.identity, log.head + 1)],
  ["overtaken by retention", formatCursor(log.identity, 8)],
])("a cursor %s is out_of_range", (_, cursor) => {
  expect(() => resolveCursor(log, cursor)).toThrow(
    expect.objectContaining({ code: Code.OutOfRange }),
  );
});

test("the place before the first message is still good", () => {
  expect(resolveCursor(log, formatCursor(log.identity, 9))).toBe(9);
});
