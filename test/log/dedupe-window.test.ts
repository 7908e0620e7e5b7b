import fc from "fast-check";
import { expect, test } from "vitest";
import { DedupeWindow, hashId } from "../../src/server/log/core/dedupe-window.js";

test("the window finds what a plain list would find", () => {
  const windowMs = 50;
  const step = fc.oneof(
    fc.record({ kind: fc.constant("post" as const), id: fc.nat(40), text: fc.nat(1) }),
    fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(12) }),
    fc.record({ kind: fc.constant("expire" as const), limit: fc.nat(4) }),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.array(step, { minLength: 50, maxLength: 300 }),
      (maxIds, steps) => {
        const window = new DedupeWindow({ windowMs, maxIds });
        let model: { id: number; text: number; sequence: number; sentAt: number }[] = [];
        let now = 1000;
        let sequence = 0;
        for (const step of steps) {
          if (step.kind === "wait") {
            now += step.ms;
          } else if (step.kind === "expire") {
            window.expire(now, step.limit);
          } else {
            const { id, text } = step;
            const known = model.findLast((entry) => entry.id === id);
            const counts = known !== undefined && known.sentAt >= now - windowMs;
            const found = window.find(hashId("goa", `${id}`, `${text}`), now);
            if (found === undefined) {
              // Only the maximum may have made it forget what still counts.
              expect(counts).toBe(false);
              sequence++;
              window.add(hashId("goa", `${id}`, `${text}`), sequence, now);
              model.push({ id, text, sequence, sentAt: now });
              model = model.slice(-maxIds);
            } else {
              expect(found).toEqual({
                sequence: known!.sequence,
                sentAt: known!.sentAt,
                sameText: known!.text === text,
              });
              expect(counts).toBe(true);
            }
          }
          expect(window.size).toBeLessThanOrEqual(maxIds);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("a sender and an id cannot be cut elsewhere", () => {
  expect(hashId("ab", "c", "t").equals(hashId("a", "bc", "t"))).toBe(false);
  expect(hashId("1:a", "", "t").equals(hashId("1", ":a", "t"))).toBe(false);
});

test("a full window of 1,000,000 ids turns over, and keeps the newest ones", () => {
  const window = new DedupeWindow({ maxIds: 1_000_000 });
  const hashed = hashId("goa", "1", "text");
  const name = (i: number) => {
    hashed.writeUInt32LE(Math.imul(i, 0x9e3779b1) >>> 0, 0);
    hashed.writeUInt32LE(i, 4);
    return hashed;
  };
  const count = 1_200_000;
  for (let i = 1; i <= count; i++) {
    window.add(name(i), i, 1);
  }
  expect(window.size).toBe(1_000_000);
  expect(window.oldestSequence).toBe(200_001);
  for (const i of [200_001, 700_000, count]) {
    expect(window.find(name(i), 1)).toMatchObject({ sequence: i });
  }
  expect(window.find(name(200_000), 1)).toBeUndefined();
});
