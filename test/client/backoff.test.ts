import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs } from "../../src/client/backoff.js";

test("a pause is anything from 0 to a bound that doubles from 200 ms to 10 s", () => {
  const bounds = [1, 2, 3, 4, 5, 6, 7, 8].map((failures) => backoffMs(failures, () => 1));
  expect(bounds).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (n, chance) => {
        expect(backoffMs(n, () => chance)).toBeCloseTo(chance * backoffMs(n, () => 1));
        expect(backoffMs(n, () => 1)).toBeLessThanOrEqual(10_000);
      },
    ),
  );
});
