import fc from "fast-check";
import { expect, test } from "vitest";
import { mergeSorted } from "../../src/server/util/merge-sorted.js";

test("any sources are merged as one sorted list", () => {
  const sorted = fc.array(fc.nat(50)).map((numbers) => numbers.sort((a, b) => a - b));
  fc.assert(
    fc.property(fc.array(sorted), (lists) => {
      const sources = lists.map((list) => list.values());
      expect([...mergeSorted(sources, (number) => number)]).toEqual(
        lists.flat().sort((a, b) => a - b),
      );
    }),
  );
});
